import { assert } from '../lib/assert.ts'
import type { Index, Term } from '../wire/ids.ts'
import type { DiskQueue } from './disk-queue.ts'
import { snapshotFile, snapshotTemp } from './files.ts'
import { addChunkCrc, encodeChunk, encodeSnapshotHeader, encodeTrailer } from './snapshot-file.ts'

interface Draft {
  readonly index: Index
  /** What must be durable before the snapshot counts: the log and the term it rests on. */
  readonly ticket: number
  /** Encoded and not yet given to the disk. */
  readonly queue: Uint8Array[]
  stage: 'filling' | 'ended' | 'synced' | 'renaming'
  count: number
  crc: number
  offset: number
}

/**
 * Writes one snapshot at a time beside the last one, a chunk at a time, and puts it in place by renaming once all of it
 * is durable. The snapshot that it replaces is removed only after that.
 * Invariant: a snapshot in place never runs ahead of the log and the term that were accepted before it was begun.
 */
export class SnapshotWriter {
  readonly #ops: DiskQueue
  /** Snapshot files in the folder, sound or not. */
  #present: readonly Index[]
  #durable: Index
  #draft: Draft | undefined
  #flight: number | undefined
  #reached = 0

  constructor(ops: DiskQueue, present: readonly Index[], durable: Index) {
    this.#ops = ops
    this.#present = present
    this.#durable = durable
  }

  get busy(): boolean {
    return this.#draft !== undefined
  }

  /** Index of the snapshot in the making that takes no more chunks. */
  get ended(): Index | undefined {
    return this.#draft === undefined || this.#draft.stage === 'filling' ? undefined : this.#draft.index
  }

  get durable(): Index {
    return this.#durable
  }

  get backlog(): number {
    return (this.#draft?.queue.length ?? 0) + (this.#flight === undefined ? 0 : 1)
  }

  /** The snapshot will count only once `ticket` is reached. */
  begin(index: Index, term: Term, ticket: number): void {
    assert(this.#draft === undefined, 'two snapshots at a time')
    assert(index > this.#durable, 'a snapshot is not newer than the last one')
    const queue = [encodeSnapshotHeader(index, term)]
    this.#draft = { index, ticket, queue, stage: 'filling', count: 0, crc: 0, offset: 0 }
    this.#ops.start({ op: 'create', file: snapshotTemp, bytes: 0 })
    this.#proceed()
  }

  chunk(bytes: Uint8Array): void {
    const draft = this.#filling()
    const encoded = encodeChunk(bytes)
    draft.queue.push(encoded)
    draft.count++
    draft.crc = addChunkCrc(draft.crc, encoded)
    this.#proceed()
  }

  end(): void {
    const draft = this.#filling()
    draft.queue.push(encodeTrailer(draft.count, draft.crc))
    draft.stage = 'ended'
    this.#proceed()
  }

  /** Completions that are still to come belong to nobody. */
  abandon(): void {
    if (this.#draft?.stage !== 'filling') return
    this.#draft = undefined
    this.#flight = undefined
    this.#ops.start({ op: 'remove', file: snapshotTemp })
  }

  /** Takes a completion; true when the snapshot became durable by it. */
  done(id: number): boolean {
    if (id !== this.#flight) return false
    this.#flight = undefined
    if (this.#draft?.stage === 'renaming') {
      this.#finish(this.#draft.index)
      return true
    }
    this.#proceed()
    return false
  }

  /** Every ticket up to this one is durable. */
  reached(ticket: number): void {
    this.#reached = ticket
    this.#proceed()
  }

  checkInvariants(): void {
    const draft = this.#draft
    if (draft === undefined) return
    assert(draft.index > this.#durable, 'a snapshot goes back')
    assert(this.#flight !== undefined || draft.queue.length === 0, 'a snapshot waits for nothing')
    const waits = draft.stage === 'filling' || draft.ticket > this.#reached
    assert(waits || this.#flight !== undefined, 'an ended snapshot has stalled')
  }

  #filling(): Draft {
    const draft = this.#draft
    assert(draft !== undefined && draft.stage === 'filling', 'no snapshot is being filled')
    return draft
  }

  #proceed(): void {
    const draft = this.#draft
    if (draft === undefined || this.#flight !== undefined) return
    const bytes = draft.queue.shift()
    if (bytes !== undefined) this.#write(draft, bytes)
    else if (draft.stage === 'synced' && draft.ticket <= this.#reached) {
      this.#flight = this.#ops.start({ op: 'rename', file: snapshotTemp, to: snapshotFile(draft.index) })
      draft.stage = 'renaming'
    }
  }

  #write(draft: Draft, bytes: Uint8Array): void {
    const sync = draft.stage === 'ended' && draft.queue.length === 0
    if (sync) draft.stage = 'synced'
    this.#flight = this.#ops.start({ op: 'write', file: snapshotTemp, offset: draft.offset, bytes, sync })
    draft.offset += bytes.length
  }

  #finish(index: Index): void {
    for (const old of this.#present) {
      if (old !== index) this.#ops.start({ op: 'remove', file: snapshotFile(old) })
    }
    this.#present = [index]
    this.#durable = index
    this.#draft = undefined
  }
}
