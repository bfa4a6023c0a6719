import { assert } from '../lib/assert.ts'
import { ByteReader, ByteWriter, getU32, Malformed, putU32 } from '../lib/bytes.ts'
import { crc32c } from '../lib/crc32c.ts'
import type { Index, Term } from '../wire/ids.ts'
import type { DiskReader } from './disk.ts'
import type { RecoveredSnapshot } from './stable-storage.ts'
import { storageVersion } from './wal-format.ts'

/*
 * A snapshot file: a header {magic, version, index, term, crc}; chunks {length, crc, bytes}; a trailer {length 2^32 -
 * 1, count of chunks, crc over the chunks' crcs, crc of the trailer}. What a chunk says is not known here.
 */

export const snapshotHeaderBytes = 64
export const chunkHeaderBytes = 8
const trailerBytes = 16
const trailerMark = 0xffff_ffff
const magic = 0x534e4143

export function encodeSnapshotHeader(index: Index, term: Term): Uint8Array {
  const writer = new ByteWriter(snapshotHeaderBytes)
  writer.u32(magic)
  writer.u32(storageVersion)
  writer.uint(index)
  writer.uint(term)
  writer.raw(new Uint8Array(snapshotHeaderBytes - 4 - writer.length))
  writer.u32(crc32c(writer.view()))
  return writer.take()
}

/** A chunk as it stands in the file. The first four bytes are its length, the next four its checksum. */
export function encodeChunk(chunk: Uint8Array): Uint8Array {
  assert(chunk.length < trailerMark, 'a chunk is too long')
  const bytes = new Uint8Array(chunkHeaderBytes + chunk.length)
  putU32(bytes, 0, chunk.length)
  putU32(bytes, 4, crc32c(chunk))
  bytes.set(chunk, chunkHeaderBytes)
  return bytes
}

/** Goes on with the checksum over all chunks, by the one encoded now. */
export function addChunkCrc(crc: number, encoded: Uint8Array): number {
  return crc32c(encoded, 4, chunkHeaderBytes, crc)
}

export function encodeTrailer(count: number, crc: number): Uint8Array {
  const bytes = new Uint8Array(trailerBytes)
  putU32(bytes, 0, trailerMark)
  putU32(bytes, 4, count)
  putU32(bytes, 8, crc)
  putU32(bytes, 12, crc32c(bytes, 0, 12))
  return bytes
}

/** The snapshot in `file`: `newer` when a later format wrote it, `undefined` when anything of it is damaged. */
export function readSnapshot(reader: DiskReader, file: string): RecoveredSnapshot | 'newer' | undefined {
  const head = readSnapshotHeader(reader.read(file, 0, snapshotHeaderBytes))
  if (head === undefined || head === 'newer') return head
  const places = findChunks(reader, file)
  return places === undefined ? undefined : { ...head, chunks: chunksAt(reader, file, places) }
}

function readSnapshotHeader(bytes: Uint8Array): { index: Index; term: Term } | 'newer' | undefined {
  const crcAt = snapshotHeaderBytes - 4
  if (getU32(bytes, 0) !== magic || getU32(bytes, crcAt) !== crc32c(bytes, 0, crcAt)) return undefined
  if (getU32(bytes, 4) > storageVersion) return 'newer'
  try {
    const reader = new ByteReader(bytes, 8, crcAt)
    return { index: reader.uint(), term: reader.uint() }
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

interface Place {
  readonly offset: number
  readonly length: number
}

/** Where each chunk lies, after all of them and the trailer were checked. */
function findChunks(reader: DiskReader, file: string): readonly Place[] | undefined {
  const size = reader.size(file)
  const places: Place[] = []
  let offset = snapshotHeaderBytes
  let crc = 0
  while (offset + trailerBytes <= size) {
    const head = reader.read(file, offset, chunkHeaderBytes)
    const length = getU32(head, 0)
    if (length === trailerMark) return trailerFits(reader, file, offset, places.length, crc) ? places : undefined
    if (offset + chunkHeaderBytes + length > size) return undefined
    const chunk = reader.read(file, offset + chunkHeaderBytes, length)
    if (crc32c(chunk) !== getU32(head, 4)) return undefined
    places.push({ offset: offset + chunkHeaderBytes, length })
    crc = addChunkCrc(crc, head)
    offset += chunkHeaderBytes + length
  }
  return undefined
}

function trailerFits(reader: DiskReader, file: string, offset: number, count: number, crc: number): boolean {
  const found = reader.read(file, offset, trailerBytes)
  return encodeTrailer(count, crc).every((byte, i) => found[i] === byte)
}

function chunksAt(reader: DiskReader, file: string, places: readonly Place[]): Iterable<Uint8Array> {
  return {
    *[Symbol.iterator]() {
      for (const { offset, length } of places) yield reader.read(file, offset, length)
    },
  }
}
