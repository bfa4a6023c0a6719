import { Malformed } from '../lib/bytes.ts'
import { crc32c } from '../lib/crc32c.ts'
import type { ServerId } from '../wire/ids.ts'
import type { DiskReader } from './disk.ts'
import { segmentFile, segmentsIn } from './files.ts'
import { decodeHeader, decodePayload, type FlushHeader, flushHeaderBytes, type WalRecord } from './wal-format.ts'

/** A flush whose header is sound. */
export interface FoundFlush {
  readonly header: FlushHeader
  /** What it stored; `undefined` when the payload can't be read. */
  readonly records: readonly WalRecord[] | undefined
}

export interface WalScan {
  /** The numbers of all segments, ascending, those without a flush included. */
  readonly segments: readonly number[]
  /** Ascending by sequence, which is also the order in which they lie on the disk. */
  readonly flushes: readonly FoundFlush[]
  /** Something that is no flush lies behind the last one. */
  readonly junkBehind: boolean
  /** A flush of a later format was found. */
  readonly newer: boolean
}

/**
 * Collects every readable flush of a folder. Damage is skipped block by block, since a later flush says what it means.
 */
export function scanWal(reader: DiskReader, server: ServerId, blockBytes: number): WalScan {
  const scanner = new Scanner(reader, server, blockBytes)
  const segments = segmentsIn(reader.list())
  for (const segment of segments) scanner.scan(segment)
  return { segments, flushes: scanner.flushes, junkBehind: scanner.junkBehind, newer: scanner.newer }
}

class Scanner {
  readonly flushes: FoundFlush[] = []
  junkBehind = false
  newer = false
  readonly #reader: DiskReader
  readonly #server: ServerId
  readonly #blockBytes: number

  constructor(reader: DiskReader, server: ServerId, blockBytes: number) {
    this.#reader = reader
    this.#server = server
    this.#blockBytes = blockBytes
  }

  scan(segment: number): void {
    const file = segmentFile(segment)
    const size = this.#reader.size(file)
    let offset = 0
    while (offset + flushHeaderBytes <= size) offset += this.#flushAt(file, segment, offset, size)
  }

  /** Looks for a flush at `offset`; returns how far to go on. */
  #flushAt(file: string, segment: number, offset: number, size: number): number {
    const bytes = this.#reader.read(file, offset, flushHeaderBytes)
    if (bytes.every((byte) => byte === 0)) return this.#blockBytes
    const header = decodeHeader(bytes, 0)
    if (header === 'newer') this.newer = true
    if (header === undefined || header === 'newer' || !this.#belongs(header, segment)) {
      this.junkBehind = true
      return this.#blockBytes
    }
    this.junkBehind = false
    const payloadAt = offset + flushHeaderBytes
    const whole = payloadAt + header.payloadBytes <= size
    this.flushes.push({ header, records: whole ? this.#records(file, payloadAt, header) : undefined })
    if (!whole) return this.#blockBytes
    return Math.ceil((flushHeaderBytes + header.payloadBytes) / this.#blockBytes) * this.#blockBytes
  }

  #belongs(header: FlushHeader, segment: number): boolean {
    const sequenceLast = this.flushes.at(-1)?.header.sequence ?? 0
    return header.server === this.#server && header.segment === segment && header.sequence > sequenceLast
  }

  #records(file: string, offset: number, header: FlushHeader): readonly WalRecord[] | undefined {
    const payload = this.#reader.read(file, offset, header.payloadBytes)
    if (crc32c(payload) !== header.payloadCrc) return undefined
    try {
      return decodePayload(payload)
    } catch (error) {
      if (error instanceof Malformed) return undefined
      throw error
    }
  }
}
