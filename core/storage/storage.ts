import { assert } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import { type GroupId, type Index, nameOf, type ServerId, type Term } from '../wire/ids.ts'
import { lastIndexOf, type Run } from '../wire/run.ts'
import type { DiskInput, DiskOp, DiskReader } from './disk.ts'
import { DiskQueue } from './disk-queue.ts'
import { segmentFile, snapshotTemp } from './files.ts'
import { IdentityWriter } from './identity.ts'
import { checkStorageOptions, type StorageOptions } from './options.ts'
import { type Recovery, type RefusedFolder, recover } from './recovery.ts'
import { SnapshotWriter } from './snapshot-writer.ts'
import type { HardState, Recovered, StableStorage, StorageFailure } from './stable-storage.ts'
import { Wal } from './wal.ts'
import { recordBytesMax, type WalRecord } from './wal-format.ts'

/** What waits for its turn; each item has one ticket. */
type Item =
  | { readonly kind: 'record'; readonly record: WalRecord }
  | { readonly kind: 'hard-state'; readonly hard: HardState }
  | { readonly kind: 'repaired' }
  | { readonly kind: 'identity'; readonly group: GroupId }

interface Noted {
  readonly index: Index
  /** The newest ticket when it was noted: it holds for the log from there on. */
  readonly ticket: number
}

/**
 * Stable storage in a folder: one log for entries and hard state, written in flushes; snapshots; the identity.
 * Invariant: items become durable in the order of their tickets; one thing is on its way at a time, a snapshot beside
 * it. The first ticket is the opening flush, which makes durable again what was recovered: nothing is answered on its
 * strength before.
 * Not here: reading, which `recover` does once; formats; whether an answer may go out, which is the server's to ask.
 */
export class Storage implements StableStorage {
  readonly #options: StorageOptions
  readonly #ops = new DiskQueue()
  readonly #identity: IdentityWriter
  readonly #wal: Wal
  readonly #snapshots: SnapshotWriter
  readonly #recovery: Recovery
  readonly #server: ServerId
  /** As the identity file says, or will. */
  #group: GroupId | undefined
  /** Segments that the opening flush repeats: they go when the flush behind it has proven that one. */
  #repeated: readonly number[]
  #open = false
  #queue: Item[] = []
  #written = 1
  #durable = 0
  /** Tickets that the flush in flight covers. */
  #carried = 0
  #carriesSeal = false
  #lastIndex: Index
  #termLast: Term
  #hard: HardState
  #damagedUpTo: Index
  #commit: Index
  #noted: Noted | undefined
  #sealAt: Millis | undefined
  #failure: StorageFailure | undefined

  /**
   * Reads the folder and goes on from what it holds; an empty one becomes the folder of `fresh`. A refused one is not
   * touched.
   */
  static open(
    reader: DiskReader,
    options: StorageOptions,
    fresh: ServerId,
  ): { readonly storage: Storage; readonly recovered: Recovered } | RefusedFolder {
    checkStorageOptions(options)
    assert(nameOf(fresh) === options.name, 'a fresh server has another name')
    const recovery = recover(reader, options, fresh)
    if ('refused' in recovery) return recovery
    return { storage: new Storage(options, recovery), recovered: recovery.recovered }
  }

  private constructor(options: StorageOptions, recovery: Recovery) {
    const { recovered, wal } = recovery
    this.#options = options
    this.#recovery = recovery
    this.#server = wal.server
    this.#group = recovered.identity.group
    this.#lastIndex = wal.lastIndex
    this.#termLast = recovered.term
    this.#hard = { term: recovered.term, votedFor: recovered.votedFor }
    this.#damagedUpTo = recovery.damagedUpTo
    this.#commit = recovered.commit
    this.#identity = new IdentityWriter(this.#ops)
    this.#wal = new Wal(this.#ops, options, wal, recovered.baseIndex)
    this.#snapshots = new SnapshotWriter(this.#ops, recovery.snapshots, recovered.baseIndex)
    this.#repeated = recovery.segments.repeated
    this.#removeSegments(recovery.segments.blank)
    if (recovery.fresh) this.#identity.write(recovered.identity)
    else this.#flush(recovery.opening, 1)
  }

  get written(): number {
    return this.#written
  }

  get durable(): number {
    return this.#durable
  }

  get failure(): StorageFailure | undefined {
    return this.#failure
  }

  get snapshotBacklog(): number {
    return this.#snapshots.backlog
  }

  get snapshotBusy(): boolean {
    return this.#snapshots.busy
  }

  get snapshotDurable(): Index {
    return this.#snapshots.durable
  }

  saveIdentity(server: ServerId, group: GroupId): void {
    assert(server === this.#server, 'a folder changes its server')
    if (group === this.#group) return
    this.#group = group
    this.#accept({ kind: 'identity', group })
  }

  saveHardState(term: Term, votedFor: ServerId | undefined): void {
    assert(term >= this.#termLast, 'the term goes back')
    this.#termLast = term
    this.#accept({ kind: 'hard-state', hard: { term, votedFor } })
  }

  append(run: Run): void {
    assert(run.firstIndex <= this.#lastIndex + 1, 'an appended run leaves a gap')
    this.#lastIndex = lastIndexOf(run)
    this.#accept({ kind: 'record', record: { kind: 'run', run } })
  }

  noteCommit(index: Index): void {
    assert(index <= this.#lastIndex, 'committed beyond the last entry')
    this.#noted = { index, ticket: this.#written }
  }

  reset(index: Index, term: Term): void {
    const snapshot = this.#snapshots.ended ?? this.#snapshots.durable
    assert(this.#failure !== undefined || index === snapshot, 'a log is reset to another snapshot')
    this.#lastIndex = index
    this.#accept({ kind: 'record', record: { kind: 'reset', index, term } })
  }

  repaired(): void {
    this.#accept({ kind: 'repaired' })
  }

  beginSnapshot(index: Index, term: Term): void {
    assert(term <= this.#termLast, 'a snapshot is ahead of the term')
    if (this.#failure === undefined) this.#snapshots.begin(index, term, this.#written)
  }

  snapshotChunk(bytes: Uint8Array): void {
    if (this.#failure === undefined) this.#snapshots.chunk(bytes)
  }

  endSnapshot(): void {
    if (this.#failure === undefined) this.#snapshots.end()
  }

  abandonSnapshot(): void {
    if (this.#failure === undefined) this.#snapshots.abandon()
  }

  turn(now: Millis): void {
    if (this.#failure !== undefined || !this.#open || this.#identity.busy || this.#wal.busy) return
    const front = this.#queue[0]
    if (front?.kind === 'identity') this.#identity.write({ server: this.#server, group: front.group })
    else if (!this.#flushQueue() && this.#sealAt !== undefined && now >= this.#sealAt) this.#seal()
  }

  done(input: DiskInput, now: Millis): void {
    if (this.#failure !== undefined) return
    if (input.error !== undefined) this.#fail(input.error.code, input.error.message)
    else if (this.#identity.done(input.id)) this.#identityDurable()
    else if (this.#wal.done(input.id) === 'flushed') this.#flushDurable(now)
    else if (this.#snapshots.done(input.id)) this.#wal.cover(this.#snapshots.durable)
  }

  takeOps(): readonly DiskOp[] {
    return this.#ops.take()
  }

  nextDeadline(): Millis | undefined {
    return this.#failure !== undefined || this.#wal.busy || this.#identity.busy ? undefined : this.#sealAt
  }

  checkInvariants(): void {
    assert(this.#durable + this.#carried <= this.#written, 'durable before written')
    const waiting = this.#queue.length + (this.#open ? 0 : 1 - this.#carried)
    const known = this.#durable + this.#carried + waiting
    assert(this.#failure !== undefined || known === this.#written, 'a ticket is lost')
    assert(!(this.#wal.busy && this.#identity.busy), 'identity and log are written at once')
    assert(this.#commit <= Math.max(this.#noted?.index ?? 0, this.#recovery.recovered.commit), 'an unknown commit')
    this.#wal.checkInvariants()
    this.#snapshots.checkInvariants()
  }

  #accept(item: Item): void {
    this.#written++
    if (this.#failure === undefined) this.#queue.push(item)
  }

  /** Flushes what is at the front of the queue; false when there is nothing that may be flushed now. */
  #flushQueue(): boolean {
    const count = this.#flushable()
    if (count === 0) return false
    const records: WalRecord[] = []
    for (const item of this.#queue.splice(0, count)) {
      if (item.kind === 'record') records.push(item.record)
      else if (item.kind === 'hard-state') this.#hard = item.hard
      else this.#damagedUpTo = 0
    }
    this.#flush(records, count)
    return true
  }

  /**
   * How many items the next flush takes. An identity goes its own way; a reset waits until the snapshot it rests on is
   * durable.
   */
  #flushable(): number {
    let bytes = 0
    let count = 0
    for (const item of this.#queue) {
      if (item.kind === 'identity') break
      if (item.kind === 'record') {
        if (item.record.kind === 'reset' && item.record.index > this.#snapshots.durable) break
        bytes += recordBytesMax(item.record)
        if (count > 0 && bytes > this.#options.flushBytesMax) break
      }
      count++
    }
    return count
  }

  #flush(records: readonly WalRecord[], count: number): void {
    const noted = this.#noted
    if (noted !== undefined && noted.ticket <= this.#durable + count) this.#commit = noted.index
    this.#carried = count
    this.#sealAt = undefined
    this.#wal.flush({ records, ...this.#hard, commit: this.#commit, damagedUpTo: this.#damagedUpTo })
  }

  #seal(): void {
    this.#flush([], 0)
    this.#carriesSeal = true
  }

  #flushDurable(now: Millis): void {
    this.#durable += this.#carried
    this.#carried = 0
    this.#sealAt = this.#carriesSeal ? undefined : now + this.#options.sealMs
    this.#carriesSeal = false
    if (this.#open) this.#removeRepeated()
    else this.#cleanUp()
    this.#open = true
    this.#snapshots.reached(this.#durable)
  }

  #identityDurable(): void {
    if (!this.#open) {
      this.#flush(this.#recovery.opening, 1)
      return
    }
    const item = this.#queue.shift()
    assert(item?.kind === 'identity', 'an identity was written that nobody saved')
    this.#durable++
    this.#snapshots.reached(this.#durable)
  }

  #cleanUp(): void {
    this.#removeSegments(this.#recovery.segments.dead)
    for (const file of this.#recovery.temps) {
      if (!this.#snapshots.busy || file !== snapshotTemp) this.#ops.start({ op: 'remove', file })
    }
  }

  #removeRepeated(): void {
    this.#removeSegments(this.#repeated)
    this.#repeated = []
  }

  #removeSegments(segments: readonly number[]): void {
    for (const segment of segments) this.#ops.start({ op: 'remove', file: segmentFile(segment) })
  }

  #fail(code: StorageFailure['code'], message: string): void {
    this.#failure = { code, message, burnt: code === 'EIO' || code === 'EOTHER' }
    this.#queue = []
    this.#ops.clear()
  }
}
