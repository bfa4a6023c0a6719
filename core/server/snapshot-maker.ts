import type { Index } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'
import { SnapshotSource } from './snapshot-source.ts'

/** Chunks handed to the storage before it has written the earlier ones. */
const backlogMax = 2

/**
 * Takes a snapshot when the log has grown enough, a slice a turn, and compacts the log behind it. In memory mode
 * nothing is written: the state itself is the snapshot.
 * Invariant: the log is compacted only up to what a durable snapshot covers.
 */
export class SnapshotMaker {
  readonly #core: ServerCore
  #source: SnapshotSource | undefined
  #ended = false
  #lastIndex: Index = 0
  #bytesAtLast = 0
  #applied = 0
  /** The log is to be compacted up to here; behind it already when nothing is left to do. */
  #compactTo: Index = 0

  constructor(core: ServerCore, lastIndex: Index) {
    this.#core = core
    this.#lastIndex = lastIndex
  }

  /** A slice of the snapshot or of the log waits: the next turn must not wait for an input. */
  get wantsTurn(): boolean {
    if (this.#compactTo > this.#baseIndex) return true
    return this.#source !== undefined && !this.#ended && this.#core.storage.snapshotBacklog < backlogMax
  }

  noteApplied(bytes: number): void {
    this.#applied += bytes
  }

  /** Makes room in the storage for a snapshot received; false while the own one is complete but not yet durable. */
  giveWay(): boolean {
    if (this.#source === undefined) return true
    if (this.#ended) return false
    this.#core.storage.abandonSnapshot()
    this.#source = undefined
    return true
  }

  installed(index: Index): void {
    this.#lastIndex = index
    this.#bytesAtLast = this.#applied
  }

  turn(mayBegin: boolean): void {
    if (this.#compactTo > this.#baseIndex) this.#compact()
    if (this.#source !== undefined) this.#continue(this.#source)
    else if (mayBegin && this.#isDue()) this.#begin()
  }

  #isDue(): boolean {
    const { limits } = this.#core.options
    const { appliedIndex } = this.#core.state
    return (
      appliedIndex > this.#lastIndex &&
      (appliedIndex - this.#lastIndex >= limits.snapshotEntries ||
        this.#applied - this.#bytesAtLast >= limits.snapshotBytes)
    )
  }

  #begin(): void {
    const core = this.#core
    if (core.options.durability === 'memory') {
      this.#taken(core.state.appliedIndex)
      return
    }
    const source = new SnapshotSource(core)
    if (source.index <= core.storage.snapshotDurable) return
    core.storage.beginSnapshot(source.index, source.term)
    this.#source = source
    this.#ended = false
    this.#continue(source)
  }

  #continue(source: SnapshotSource): void {
    const { storage } = this.#core
    while (!this.#ended && storage.snapshotBacklog < backlogMax) {
      const chunk = source.next()
      if (chunk !== undefined) storage.snapshotChunk(chunk)
      else {
        storage.endSnapshot()
        this.#ended = true
      }
      if (chunk !== undefined) break
    }
    if (!this.#ended || storage.snapshotDurable < source.index) return
    this.#source = undefined
    this.#taken(source.index)
  }

  #taken(index: Index): void {
    this.installed(index)
    const { trailingEntries, trailingBytes } = this.#core.options.limits
    const startOfTail = this.#core.replica?.log.startOfTail(trailingBytes) ?? 0
    this.#compactTo = Math.min(index, Math.max(index - trailingEntries, startOfTail))
    if (this.#compactTo > this.#baseIndex) this.#compact()
    this.#core.emit({ kind: 'snapshot-taken', index })
  }

  get #baseIndex(): Index {
    return this.#core.replica?.log.baseIndex ?? 0
  }

  #compact(): void {
    const { replica, options } = this.#core
    replica?.compact(Math.min(this.#compactTo, this.#baseIndex + options.limits.compactEntriesMax))
  }
}
