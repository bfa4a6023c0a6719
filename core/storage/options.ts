import { assert } from '../lib/assert.ts'
import type { GroupId, ServerName } from '../wire/ids.ts'
import { flushHeaderBytes } from './wal-format.ts'

export interface StorageOptions {
  /** The server that the folder must belong to. */
  readonly name: ServerName
  /** The group that it must belong to; `undefined` where any will do. */
  readonly group: GroupId | undefined
  /** Every flush starts at a multiple of this, so that tearing one never touches the one before. */
  readonly blockBytes: number
  readonly segmentBytes: number
  /** A flush takes more records only while it is below this. A single record may exceed it. */
  readonly flushBytesMax: number
  /** How long after a flush a header is written behind it, which proves that it was durable. */
  readonly sealMs: number
}

/**
 * Blocks of 4 KiB are what disks and file systems tear by. A segment is large enough that making the next one is rare,
 * a flush small enough that those who wait for it are not held up by those who came after them.
 */
export const storageDefaults = {
  blockBytes: 4096,
  segmentBytes: 16 * 1024 * 1024,
  flushBytesMax: 4 * 1024 * 1024,
  sealMs: 100,
} as const

export function checkStorageOptions(options: StorageOptions): void {
  assert(options.blockBytes >= flushHeaderBytes, 'a block is smaller than the header of a flush')
  assert(options.segmentBytes >= options.blockBytes, 'a segment is smaller than a block')
  assert(options.segmentBytes % options.blockBytes === 0, 'a segment is not whole blocks')
  assert(options.flushBytesMax > 0 && options.sealMs > 0, 'flushes and seals need room and time')
}
