import type { BTreeView } from '../lib/btree.ts'
import { ByteWriter } from '../lib/bytes.ts'
import { writeOutcome } from '../wire/command-codec.ts'
import type { ClientIndex, HistoryId, Index } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { type ClientEntry, resultsFrom } from './client-table.ts'
import type { DocumentsView } from './document-store.ts'
import type { StateParts } from './state-parts.ts'
import type { Tombstone } from './tombstones.ts'

/** The byte before each record of a snapshot. Append only. */
export const recordTag = {
  header: 1,
  space: 2,
  document: 3,
  client: 4,
  tombstone: 5,
  /** Results follow the client or tombstone that they belong to, one record each. */
  result: 6,
  end: 7,
} as const

export const snapshotFormat = 1

/** The replicated state of one moment; what is applied later does not change it. */
export class SnapshotView implements DocumentsView {
  readonly documents: DocumentsView['documents']
  readonly spaces: DocumentsView['spaces']
  readonly clients: BTreeView<ClientIndex, ClientEntry>
  readonly tombstones: BTreeView<ClientIndex, Tombstone>
  readonly index: Index
  readonly clockMs: number
  readonly history: HistoryId | undefined
  readonly servers: string
  readonly digest: string
  readonly #chunkEntriesMax: number

  constructor(parts: StateParts) {
    const { documents, spaces } = parts.documents.view()
    this.documents = documents
    this.spaces = spaces
    this.clients = parts.clients.view()
    this.tombstones = parts.tombstones.view()
    this.index = parts.appliedIndex
    this.clockMs = parts.clockMs
    this.history = parts.history
    this.servers = parts.servers
    this.digest = parts.digest()
    this.#chunkEntriesMax = parts.limits.chunkEntriesMax
  }

  /** The view's bytes, to be taken one chunk at a time. */
  chunks(chunkBytes: number): SnapshotChunks {
    return new SnapshotChunks(this, chunkBytes, this.#chunkEntriesMax)
  }
}

/**
 * The bytes of a view, chunk by chunk. Equal states have equal bytes for equal `chunkBytes`, whatever way led to them.
 * Invariant: a chunk ends with the record that brings it to `chunkBytes`, or after `entriesMax` records.
 */
export class SnapshotChunks implements IterableIterator<Uint8Array> {
  readonly #records: Generator<void>
  readonly #writer: ByteWriter
  readonly #chunkBytes: number
  readonly #entriesMax: number
  #largest = 0

  constructor(view: SnapshotView, chunkBytes: number, entriesMax: number) {
    this.#writer = new ByteWriter(chunkBytes)
    this.#records = writeRecords(this.#writer, view)
    this.#chunkBytes = chunkBytes
    this.#entriesMax = entriesMax
  }

  /** How many records the largest single call handled. */
  get entriesInLargestCall(): number {
    return this.#largest
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Uint8Array, undefined> {
    this.#writer.reset()
    let entries = 0
    while (this.#writer.length < this.#chunkBytes && entries < this.#entriesMax) {
      if (this.#records.next().done === true) break
      entries++
    }
    this.#largest = Math.max(this.#largest, entries)
    return this.#writer.length === 0 ? { done: true, value: undefined } : { done: false, value: this.#writer.take() }
  }
}

/** Writes one record between two yields, all in canonical order. */
function* writeRecords(writer: ByteWriter, view: SnapshotView): Generator<void> {
  writeHeader(writer, view)
  yield
  yield* writeDocuments(writer, view)
  for (const cursor = view.clients.cursor(); cursor.next(); ) {
    const { key: client, value: entry } = cursor
    writer.u8(recordTag.client)
    writer.uint(client)
    writer.raw(entry.nonce)
    writer.uint(entry.last)
    writer.uint(entry.ackedBelow)
    writer.uint(entry.touch)
    yield
    yield* writeResults(writer, resultsFrom(entry, entry.ackedBelow))
  }
  for (const cursor = view.tombstones.cursor(); cursor.next(); ) {
    const { key: client, value: tombstone } = cursor
    writer.u8(recordTag.tombstone)
    writer.uint(client)
    writer.uint(tombstone.last)
    writer.uint(tombstone.ackedBelow)
    writer.uint(tombstone.expiredAtMs)
    writer.uint(tombstone.expiredIndex)
    yield
    yield* writeResults(writer, tombstone.results)
  }
  writer.u8(recordTag.end)
  writer.text(view.digest)
  yield
}

function writeHeader(writer: ByteWriter, view: SnapshotView): void {
  writer.u8(recordTag.header)
  writer.uint(snapshotFormat)
  writer.uint(view.index)
  writer.uint(view.clockMs)
  writer.text(view.history ?? '')
  writer.text(view.servers)
}

function* writeDocuments(writer: ByteWriter, view: SnapshotView): Generator<void> {
  let space: string | undefined
  for (const cursor = view.documents.cursor(); cursor.next(); ) {
    const { key: name, value: entry } = cursor
    if (name.space !== space) {
      space = name.space
      const { version, count } = view.spaces.get(space) ?? { version: 0, count: 0 }
      writer.u8(recordTag.space)
      writer.text(space)
      writer.uint(version)
      writer.uint(count)
      yield
    }
    writer.u8(recordTag.document)
    writer.text(name.key)
    writer.uint(entry.birth)
    writer.uint(entry.version)
    writer.blob(entry.base)
    writer.uint(entry.deltas.count)
    writer.raw(entry.deltas.bytes.subarray(0, entry.deltas.length))
    yield
  }
}

function* writeResults(writer: ByteWriter, results: readonly Result[]): Generator<void> {
  for (const result of results) {
    writer.u8(recordTag.result)
    writer.uint(result.index)
    writeOutcome(writer, result.outcome)
    yield
  }
}
