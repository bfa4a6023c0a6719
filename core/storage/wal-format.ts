import { assert } from '../lib/assert.ts'
import { ByteReader, ByteWriter, getU32, Malformed, putU32 } from '../lib/bytes.ts'
import { crc32c } from '../lib/crc32c.ts'
import { type Index, isServerId, type ServerId, type Term } from '../wire/ids.ts'
import { lastIndexOf, type Run, readRun, writeRun } from '../wire/run.ts'
import type { HardState } from './stable-storage.ts'

// 1  first version
/** The newest format of segments, snapshots and identity that this build writes, and the only one it reads. */
export const storageVersion = 1

/** Every flush begins with a header of this size, which leaves room for the longest ids and the largest numbers. */
export const flushHeaderBytes = 256
const crcOffset = flushHeaderBytes - 4
const magic = 0x4c415743

/**
 * The head of one flush: a write that starts at a block boundary and is synced as a whole.
 * Invariant: flushes are numbered upwards for ever, and a flush is written only after the one it names as `previous`
 * was durable. So a valid header proves that every flush of its chain of predecessors was on the disk.
 */
export interface FlushHeader extends HardState {
  readonly server: ServerId
  /** The segment it was written to: a copy elsewhere is not a flush. */
  readonly segment: number
  readonly sequence: number
  /** The flush this one follows, 0 for none. Flushes numbered in between were repeated or given up by a recovery. */
  readonly previous: number
  /** `firstIndex` of that flush, in case its own header can't be read. */
  readonly previousFirst: Index
  /**
   * The lowest index this flush writes or cuts; 0 when it replaces the whole log, `lastIndex + 1` when it does neither.
   */
  readonly firstIndex: Index
  /** The last index of the log after this flush. */
  readonly lastIndex: Index
  /** How far the log, as it is after this flush, was known to be committed. */
  readonly commit: Index
  /** Entries up to here may have been acknowledged before damage that is not repaired yet; 0 when there is none. */
  readonly damagedUpTo: Index
  readonly payloadBytes: number
  readonly payloadCrc: number
}

/** What the payload of a flush says, in order. */
export type WalRecord =
  | { readonly kind: 'run'; readonly run: Run }
  /** The log is empty and begins behind the snapshot at `index`. */
  | { readonly kind: 'reset'; readonly index: Index; readonly term: Term }
  /** The log ends at `index`: recovery gives up what follows. */
  | { readonly kind: 'cut'; readonly index: Index }

const recordTags = { run: 1, reset: 2, cut: 3 } as const
const runOverheadBytes = 48
const noHeader = new Uint8Array(flushHeaderBytes)
/** Used for one header at a time: making one for each would cost more than writing it. */
const headerWriter = new ByteWriter(flushHeaderBytes)

/** The lowest index that `records` write or cut, `undefined` when they do neither. */
export function firstIndexOf(records: readonly WalRecord[]): Index | undefined {
  let first: Index | undefined
  for (const record of records) {
    const touched = record.kind === 'run' ? record.run.firstIndex : record.kind === 'cut' ? record.index + 1 : 0
    first = Math.min(first ?? touched, touched)
  }
  return first
}

/** The last index of a log that ended at `lastIndex` before `records`. */
export function lastIndexAfter(lastIndex: Index, records: readonly WalRecord[]): Index {
  const record = records.at(-1)
  if (record === undefined) return lastIndex
  return record.kind === 'run' ? lastIndexOf(record.run) : record.index
}

/** About how many bytes a record takes in a payload, never too few. */
export function recordBytesMax(record: WalRecord): number {
  return record.kind === 'run' ? record.run.bytes.length + runOverheadBytes : runOverheadBytes
}

/** The payload of a flush behind room for its header, in one buffer of exactly their length. */
export function encodeFlush(records: readonly WalRecord[]): Uint8Array {
  let bytesMax = flushHeaderBytes
  for (const record of records) bytesMax += recordBytesMax(record)
  const writer = new ByteWriter(bytesMax)
  writer.raw(noHeader)
  for (const record of records) writeRecord(writer, record)
  return writer.view()
}

function writeRecord(writer: ByteWriter, record: WalRecord): void {
  writer.u8(recordTags[record.kind])
  if (record.kind === 'run') writeRun(writer, record.run)
  else writer.uint(record.index)
  if (record.kind === 'reset') writer.uint(record.term)
}

/** Reads a payload whose checksum was right. Throws `Malformed`. */
export function decodePayload(payload: Uint8Array): WalRecord[] {
  const reader = new ByteReader(payload)
  const records: WalRecord[] = []
  while (reader.remaining > 0) {
    const tag = reader.u8()
    if (tag === recordTags.run) records.push({ kind: 'run', run: readRun(reader) })
    else if (tag === recordTags.reset) records.push({ kind: 'reset', index: reader.uint(), term: reader.uint() })
    else if (tag === recordTags.cut) records.push({ kind: 'cut', index: reader.uint() })
    else throw new Malformed('unknown record')
  }
  return records
}

/**
 * Writes the header into the room that `encodeFlush` left for it, with the checksums of the payload behind it and of
 * itself.
 */
export function sealFlush(flush: Uint8Array, header: Omit<FlushHeader, 'payloadBytes' | 'payloadCrc'>): void {
  const writer = headerWriter
  writer.reset()
  writer.u32(magic)
  writer.u32(storageVersion)
  writer.u32(flush.length - flushHeaderBytes)
  writer.u32(crc32c(flush, flushHeaderBytes))
  writer.text(header.server)
  writer.text(header.votedFor ?? '')
  for (const number of numbersOf(header)) writer.uint(number)
  assert(writer.length <= crcOffset, 'a flush header is too long')
  flush.set(writer.view(), 0)
  putU32(flush, crcOffset, crc32c(flush, 0, crcOffset))
}

function numbersOf(header: Omit<FlushHeader, 'payloadBytes' | 'payloadCrc'>): number[] {
  return [
    header.segment,
    header.sequence,
    header.previous,
    header.previousFirst,
    header.term,
    header.firstIndex,
    header.lastIndex,
    header.commit,
    header.damagedUpTo,
  ]
}

/** Whether the block could hold a header at all: cheap, for a scan over many. */
export function looksLikeHeader(bytes: Uint8Array, at: number): boolean {
  return getU32(bytes, at) === magic
}

/** The header at `at`, `newer` when it is sound and of a later format, `undefined` when there is none. */
export function decodeHeader(bytes: Uint8Array, at: number): FlushHeader | 'newer' | undefined {
  if (bytes.length < at + flushHeaderBytes || !looksLikeHeader(bytes, at)) return undefined
  if (getU32(bytes, at + crcOffset) !== crc32c(bytes, at, at + crcOffset)) return undefined
  if (getU32(bytes, at + 4) > storageVersion) return 'newer'
  try {
    return readHeader(new ByteReader(bytes, at + 4, at + crcOffset))
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

function readHeader(reader: ByteReader): FlushHeader {
  if (reader.u32() !== storageVersion) throw new Malformed('unknown version')
  const payloadBytes = reader.u32()
  const payloadCrc = reader.u32()
  const server = reader.text()
  const votedFor = reader.text()
  if (!isServerId(server) || (votedFor !== '' && !isServerId(votedFor))) throw new Malformed('not a server id')
  return {
    server,
    votedFor: votedFor === '' ? undefined : (votedFor as ServerId),
    segment: reader.uint(),
    sequence: reader.uint(),
    previous: reader.uint(),
    previousFirst: reader.uint(),
    term: reader.uint(),
    firstIndex: reader.uint(),
    lastIndex: reader.uint(),
    commit: reader.uint(),
    damagedUpTo: reader.uint(),
    payloadBytes,
    payloadCrc,
  }
}
