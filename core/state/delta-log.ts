import { assert } from '../lib/assert.ts'
import { ByteReader, putUint, uintLength } from '../lib/bytes.ts'

/**
 * The deltas kept beside a document, oldest first, in one piece of memory: a buffer for each would cost more than all
 * else that a change does. Never altered, only replaced.
 * Invariant: `bytes` holds `count` deltas, each behind its length, in its first `length` bytes. It is shared with the
 * logs that this one replaced and only ever grows behind what they see; what stands there belongs to nobody.
 */
export interface DeltaLog {
  readonly bytes: Uint8Array
  readonly length: number
  readonly count: number
}

export const emptyLog: DeltaLog = { bytes: new Uint8Array(0), length: 0, count: 0 }

/** The log with one delta more, which is copied. Only the newest log of a document may grow. */
export function withDelta(log: DeltaLog, delta: Uint8Array): DeltaLog {
  const length = log.length + uintLength(delta.length) + delta.length
  const bytes = length <= log.bytes.length ? log.bytes : grown(log, length)
  const at = putUint(bytes, log.length, delta.length)
  bytes.set(delta, at)
  assert(at + delta.length === length, 'a delta is longer than its length says')
  return { bytes, length, count: log.count + 1 }
}

/** The deltas, sharing the log's bytes. */
export function deltasIn(log: DeltaLog): Uint8Array[] {
  const reader = new ByteReader(log.bytes, 0, log.length)
  const deltas: Uint8Array[] = []
  for (let i = 0; i < log.count; i++) deltas.push(reader.blob())
  return deltas
}

/** Room for as much again: a document whose first delta this is will often get another. */
function grown(log: DeltaLog, length: number): Uint8Array {
  const bytes = new Uint8Array(length * 2)
  bytes.set(log.bytes.subarray(0, log.length))
  return bytes
}
