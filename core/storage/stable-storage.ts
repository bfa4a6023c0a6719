import type { Millis } from '../machine.ts'
import type { GroupId, Index, ServerId, Term } from '../wire/ids.ts'
import type { Run } from '../wire/run.ts'
import type { DiskErrorCode, DiskInput, DiskOp } from './disk.ts'

/**
 * What a server remembers beyond its own death: identity, hard state, log and snapshot. Every record accepted takes a
 * ticket; records become durable in the order of their tickets, and whoever answers on the strength of one waits until
 * `durable` has reached it. Two implementations: `Storage` on a disk, `MemoryStorage` where everything is durable at
 * once because nothing outlives the process.
 * Not here: reading. What a folder held comes from `open`, once, before the server runs.
 */
export interface StableStorage {
  /**
   * Stores which group this server belongs to; takes no ticket when the folder already says so. The server is the one
   * the folder was opened for.
   */
  saveIdentity(server: ServerId, group: GroupId): void
  saveHardState(term: Term, votedFor: ServerId | undefined): void
  /** Appends entries; where the run begins at or below the last index, it replaces everything from there. */
  append(run: Run): void
  /** Tells how far the log is known to be committed. Rides in the next flush, never causes one, and takes no ticket. */
  noteCommit(index: Index): void
  /**
   * Replaces the whole log by the snapshot that ends at `index`: the one ended last. Durable only after that snapshot
   * is.
   */
  reset(index: Index, term: Term): void
  /**
   * The damage reported by `open` is made good: from here on the log counts as whole again. Until then every `open`
   * reports it anew.
   */
  repaired(): void

  /**
   * Begins a snapshot that covers the log up to `index`. Not while `snapshotBusy`; `index` exceeds `snapshotDurable`,
   * and a hard state of at least `term` was saved. The snapshot becomes durable only after every record accepted before
   * this call.
   */
  beginSnapshot(index: Index, term: Term): void
  snapshotChunk(bytes: Uint8Array): void
  endSnapshot(): void
  /** Drops the snapshot that was begun and not ended; without one, nothing happens. */
  abandonSnapshot(): void
  /** From `beginSnapshot` until the snapshot is durable or abandoned. */
  readonly snapshotBusy: boolean
  /** Chunks accepted but not written yet. Whoever makes a snapshot slows down by it. */
  readonly snapshotBacklog: number
  /** The index of the newest snapshot that is durable; 0 when there is none. */
  readonly snapshotDurable: Index

  /** The ticket of the newest record accepted. */
  readonly written: number
  /** Every ticket up to this one is durable. */
  readonly durable: number

  /**
   * Starts a flush if none is in flight and something waits. To be called once after the inputs of an event-loop turn.
   */
  turn(now: Millis): void
  done(input: DiskInput, now: Millis): void
  /** The operations to be carried out, in this order. Each is given out once. */
  takeOps(): readonly DiskOp[]
  nextDeadline(): Millis | undefined
  /** Why nothing is stored any more. Once set, it stays, and tickets beyond `durable` are never reached. */
  readonly failure: StorageFailure | undefined
  checkInvariants(): void
}

export interface StorageFailure {
  readonly code: DiskErrorCode
  readonly message: string
  /**
   * The disk broke a promise, or may have: what it shows later proves nothing, so the identity must not be used again
   * (R4).
   */
  readonly burnt: boolean
}

export interface HardState {
  readonly term: Term
  readonly votedFor: ServerId | undefined
}

/** What a folder held when it was opened. */
export interface Recovered {
  readonly identity: { readonly server: ServerId; readonly group: GroupId | undefined }
  /** The server holds no entry, no snapshot and no trace of either. */
  readonly empty: boolean
  readonly term: Term
  readonly votedFor: ServerId | undefined
  readonly snapshot: RecoveredSnapshot | undefined
  /** What comes before `runs`: the end of the snapshot, or 0 and 0. */
  readonly baseIndex: Index
  readonly baseTerm: Term
  /** The entries behind the base, without a gap. */
  readonly runs: readonly Run[]
  /** How far the log is known to be committed; at least `baseIndex`, at most the last entry. */
  readonly commit: Index
  /** The last flush was cut short by the crash and dropped. Nobody was ever answered on the strength of it. */
  readonly torn: boolean
  readonly damage: Damage | undefined
}

export interface RecoveredSnapshot {
  readonly index: Index
  readonly term: Term
  /** The chunks in order, read from the disk as they are asked for. */
  readonly chunks: Iterable<Uint8Array>
}

/**
 * Entries from `from` to `upTo` may have been acknowledged and can't be read; `runs` ends before `from`. When `from`
 * exceeds `upTo`, they were written again after an earlier damage, but `repaired` was not called.
 */
export interface Damage {
  readonly from: Index
  readonly upTo: Index
}
