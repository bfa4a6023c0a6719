import { assert } from '../lib/assert.ts'
import type { Index, ServerId } from '../wire/ids.ts'
import type { DiskQueue } from './disk-queue.ts'
import { segmentFile } from './files.ts'
import type { StorageOptions } from './options.ts'
import type { HardState } from './stable-storage.ts'
import {
  encodeFlush,
  type FlushHeader,
  firstIndexOf,
  flushHeaderBytes,
  lastIndexAfter,
  sealFlush,
  type WalRecord,
} from './wal-format.ts'

/** What one flush stores: records in order, and what holds after them. */
export interface FlushBatch extends HardState {
  readonly records: readonly WalRecord[]
  readonly commit: Index
  readonly damagedUpTo: Index
}

/** Where the log of an earlier life ended, and what the first flush of this one follows. */
export interface WalStart {
  readonly server: ServerId
  /** The highest number of a segment so far; new ones count on. */
  readonly segment: number
  readonly sequence: number
  readonly previous: number
  readonly previousFirst: Index
  readonly lastIndex: Index
  /** Segments that hold something of the log, oldest first. */
  readonly segments: readonly OldSegment[]
}

export interface OldSegment {
  readonly number: number
  /** The highest index of an entry in it, 0 when it has none. */
  readonly upTo: Index
}

interface Segment {
  readonly number: number
  readonly bytes: number
  readonly created: { readonly id: number; done: boolean }
  offset: number
  upTo: Index
}

/**
 * Writes the log: flushes, one at a time, into preallocated segments.
 * Invariant: a flush is started only after the one before it is durable, and a segment is never written to by two lives
 * of a server.
 * Not here: what goes into a flush and when (storage.ts), and reading (wal-scan.ts, wal-chain.ts).
 */
export class Wal {
  readonly #ops: DiskQueue
  readonly #options: StorageOptions
  readonly #server: ServerId
  #segments: OldSegment[]
  #segment: Segment | undefined
  #next: Segment | undefined
  #segmentLast: number
  #sequence: number
  #previous: number
  #previousFirst: Index
  #lastIndex: Index
  /** The index that a durable snapshot ends at. */
  #covered: Index
  /** A flush that waits for a segment with room. */
  #waiting: { readonly bytes: Uint8Array; readonly batch: FlushBatch } | undefined
  #flight: number | undefined
  /** Whether the current segment holds a durable flush, so that older ones are needed for their entries only. */
  #anchored = false

  constructor(ops: DiskQueue, options: StorageOptions, start: WalStart, covered: Index) {
    this.#ops = ops
    this.#options = options
    this.#server = start.server
    this.#segments = [...start.segments]
    this.#segmentLast = start.segment
    this.#sequence = start.sequence
    this.#previous = start.previous
    this.#previousFirst = start.previousFirst
    this.#lastIndex = start.lastIndex
    this.#covered = covered
  }

  get busy(): boolean {
    return this.#waiting !== undefined || this.#flight !== undefined
  }

  flush(batch: FlushBatch): void {
    assert(!this.busy, 'two flushes at a time')
    this.#waiting = { bytes: encodeFlush(batch.records), batch }
    this.#proceed()
  }

  /** Takes a completion; tells whether a flush became durable by it, `undefined` when it belongs to something else. */
  done(id: number): 'flushed' | 'prepared' | undefined {
    if (id === this.#flight) {
      this.#flight = undefined
      this.#anchored = true
      this.#removeCovered()
      return 'flushed'
    }
    if (this.#next === undefined || id !== this.#next.created.id) return undefined
    this.#next.created.done = true
    this.#proceed()
    return 'prepared'
  }

  /**
   * A durable snapshot covers the log up to `index`: segments that hold only what comes before are removed. The entry
   * at `index` stays, because it tells whether the entries behind it belong to the same log as the snapshot.
   */
  cover(index: Index): void {
    assert(index >= this.#covered, 'a snapshot goes back')
    this.#covered = index
    this.#removeCovered()
  }

  checkInvariants(): void {
    assert(this.#flight === undefined || this.#waiting === undefined, 'a flush waits behind one in flight')
    assert(this.#previous <= this.#sequence, 'a flush follows one that was not written')
    assert(this.#segment === undefined || this.#segment.created.done, 'a segment is used before it exists')
    for (let i = 1; i < this.#segments.length; i++) {
      const [before, after] = [this.#segments[i - 1], this.#segments[i]]
      assert(before !== undefined && after !== undefined && before.number < after.number, 'segments are out of order')
    }
  }

  #proceed(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    const segment = this.#segmentWithRoom(waiting.bytes.length)
    if (segment === undefined) return
    this.#waiting = undefined
    this.#write(segment, waiting.bytes, waiting.batch)
    if (this.#next === undefined && segment.offset > segment.bytes / 2) this.#prepare(0)
  }

  #write(segment: Segment, bytes: Uint8Array, batch: FlushBatch): void {
    const header = this.#header(segment, batch)
    sealFlush(bytes, header)
    const file = segmentFile(segment.number)
    this.#flight = this.#ops.start({ op: 'write', file, offset: segment.offset, bytes, sync: true })
    segment.offset += this.#wholeBlocks(bytes.length)
    if (bytes.length > flushHeaderBytes) segment.upTo = Math.max(segment.upTo, highestIndexIn(batch.records))
    this.#sequence = header.sequence
    this.#previous = header.sequence
    this.#previousFirst = header.firstIndex
    this.#lastIndex = header.lastIndex
  }

  #header(segment: Segment, batch: FlushBatch): Omit<FlushHeader, 'payloadBytes' | 'payloadCrc'> {
    const lastIndex = lastIndexAfter(this.#lastIndex, batch.records)
    assert(batch.commit <= lastIndex, 'committed beyond the last entry')
    return {
      server: this.#server,
      segment: segment.number,
      sequence: this.#sequence + 1,
      previous: this.#previous,
      previousFirst: this.#previousFirst,
      term: batch.term,
      votedFor: batch.votedFor,
      firstIndex: firstIndexOf(batch.records) ?? lastIndex + 1,
      lastIndex,
      commit: batch.commit,
      damagedUpTo: batch.damagedUpTo,
    }
  }

  /** The segment to write `length` bytes to; `undefined` while one must be made first. */
  #segmentWithRoom(length: number): Segment | undefined {
    const segment = this.#segment
    if (segment !== undefined && segment.bytes - segment.offset >= length) return segment
    if (this.#next === undefined) this.#prepare(length)
    if (this.#next === undefined || !this.#next.created.done) return undefined
    if (this.#next.bytes < length) {
      this.#ops.start({ op: 'remove', file: segmentFile(this.#next.number) })
      this.#prepare(length)
      return undefined
    }
    if (segment !== undefined) this.#segments.push({ number: segment.number, upTo: segment.upTo })
    this.#segment = this.#next
    this.#next = undefined
    this.#anchored = false
    return this.#segment
  }

  #prepare(length: number): void {
    const bytes = Math.max(this.#options.segmentBytes, this.#wholeBlocks(length))
    const number = ++this.#segmentLast
    const id = this.#ops.start({ op: 'create', file: segmentFile(number), bytes })
    this.#next = { number, bytes, created: { id, done: false }, offset: 0, upTo: 0 }
  }

  /** Oldest first and without a hole, because the chain of flushes is read back from the newest. */
  #removeCovered(): void {
    if (!this.#anchored) return
    let count = 0
    for (const segment of this.#segments) {
      if (segment.upTo >= this.#covered) break
      this.#ops.start({ op: 'remove', file: segmentFile(segment.number) })
      count++
    }
    if (count > 0) this.#segments = this.#segments.slice(count)
  }

  #wholeBlocks(length: number): number {
    return Math.ceil(length / this.#options.blockBytes) * this.#options.blockBytes
  }
}

/** The highest index of an entry among `records`, though a later record may replace it. */
export function highestIndexIn(records: readonly WalRecord[]): Index {
  let highest = 0
  for (const record of records) if (record.kind === 'run') highest = Math.max(highest, lastIndexAfter(0, [record]))
  return highest
}
