import { assert } from '../lib/assert.ts'
import type { GroupId, Index, ServerId, Term } from '../wire/ids.ts'
import { lastIndexOf, type Run } from '../wire/run.ts'
import type { DiskOp } from './disk.ts'
import type { Recovered, StableStorage } from './stable-storage.ts'

/**
 * The storage of a server without a disk: every record is durable the moment it is accepted, as far as this server's
 * life goes, and snapshots are discarded, since only their making and not their keeping matters.
 * Not here: memory of an earlier life. A server that restarts with this storage must come back as a new incarnation
 * (R5).
 */
export class MemoryStorage implements StableStorage {
  readonly failure = undefined
  readonly snapshotBacklog = 0
  #written = 0
  #lastIndex: Index = 0
  #snapshotDurable: Index = 0
  #snapshot: Index | undefined

  static open(fresh: ServerId): { readonly storage: MemoryStorage; readonly recovered: Recovered } {
    const recovered: Recovered = {
      identity: { server: fresh, group: undefined },
      empty: true,
      term: 0,
      votedFor: undefined,
      snapshot: undefined,
      baseIndex: 0,
      baseTerm: 0,
      runs: [],
      commit: 0,
      torn: false,
      damage: undefined,
    }
    return { storage: new MemoryStorage(), recovered }
  }

  get written(): number {
    return this.#written
  }

  get durable(): number {
    return this.#written
  }

  get snapshotDurable(): Index {
    return this.#snapshotDurable
  }

  get snapshotBusy(): boolean {
    return this.#snapshot !== undefined
  }

  saveIdentity(_server: ServerId, _group: GroupId): void {
    this.#written++
  }

  saveHardState(_term: Term, _votedFor: ServerId | undefined): void {
    this.#written++
  }

  append(run: Run): void {
    assert(run.firstIndex <= this.#lastIndex + 1, 'an appended run leaves a gap')
    this.#lastIndex = lastIndexOf(run)
    this.#written++
  }

  noteCommit(index: Index): void {
    assert(index <= this.#lastIndex, 'committed beyond the last entry')
  }

  reset(index: Index, _term: Term): void {
    assert(index === this.#snapshotDurable, 'a log is reset to another snapshot than the last one')
    this.#lastIndex = index
    this.#written++
  }

  repaired(): void {
    this.#written++
  }

  beginSnapshot(index: Index, _term: Term): void {
    assert(this.#snapshot === undefined, 'two snapshots at a time')
    assert(index > this.#snapshotDurable, 'a snapshot is not newer than the last one')
    this.#snapshot = index
  }

  snapshotChunk(_bytes: Uint8Array): void {
    assert(this.#snapshot !== undefined, 'a chunk without a snapshot')
  }

  endSnapshot(): void {
    assert(this.#snapshot !== undefined, 'the end of no snapshot')
    this.#snapshotDurable = this.#snapshot
    this.#snapshot = undefined
  }

  abandonSnapshot(): void {
    this.#snapshot = undefined
  }

  turn(): void {}

  done(): void {
    assert(false, 'a memory storage has no disk')
  }

  takeOps(): readonly DiskOp[] {
    return []
  }

  nextDeadline(): undefined {
    return undefined
  }

  checkInvariants(): void {
    assert(this.#snapshot === undefined || this.#snapshot > this.#snapshotDurable, 'a snapshot goes back')
  }
}
