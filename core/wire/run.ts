import { assert } from '../lib/assert.ts'
import { ByteReader, ByteWriter, Malformed, uintLength } from '../lib/bytes.ts'
import type { Index, Term } from './ids.ts'

/** What consensus itself must know of an entry; everything else is payload. */
export const runKinds = ['data', 'noop', 'members'] as const
export type RunKind = (typeof runKinds)[number]

/**
 * Consecutive entries of one term, one kind and one stamp, kept as the bytes that arrived (R6): no object per entry.
 * Invariant: `bytes` holds exactly `count` payloads, each behind its length as a varint. A `noop` or `members` run has
 * one entry.
 */
export interface Run {
  readonly kind: RunKind
  readonly firstIndex: Index
  readonly term: Term
  /** Cluster time in whole milliseconds, set by the leader that appended the run (R8). */
  readonly stampMs: number
  readonly count: number
  readonly bytes: Uint8Array
}

export function lastIndexOf(run: Run): Index {
  return run.firstIndex + run.count - 1
}

/** Joins payloads into the bytes of a run. */
export function runBytes(payloads: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const payload of payloads) length += uintLength(payload.length) + payload.length
  const writer = new ByteWriter(length + 8)
  for (const payload of payloads) writer.blob(payload)
  return writer.take()
}

/** The run's payloads in order, each with its index, sharing the run's bytes. */
export function* payloadsOf(run: Run): Generator<readonly [index: Index, payload: Uint8Array]> {
  const reader = new ByteReader(run.bytes)
  for (let i = 0; i < run.count; i++) yield [run.firstIndex + i, reader.blob()]
}

/** The part of a run with `from <= index <= upTo`, which must not be empty; shares its bytes. */
export function cutRun(run: Run, from: Index, upTo: Index): Run {
  if (from <= run.firstIndex && upTo >= lastIndexOf(run)) return run
  const first = Math.max(from, run.firstIndex)
  const last = Math.min(upTo, lastIndexOf(run))
  assert(first <= last, 'a cut run is empty')
  const reader = new ByteReader(run.bytes)
  for (let index = run.firstIndex; index < first; index++) reader.skipBlob()
  const begin = reader.offset
  for (let index = first; index <= last; index++) reader.skipBlob()
  return { ...run, firstIndex: first, count: last - first + 1, bytes: run.bytes.subarray(begin, reader.offset) }
}

export function writeRun(writer: ByteWriter, run: Run): void {
  writer.u8(runKinds.indexOf(run.kind))
  writer.uint(run.firstIndex)
  writer.uint(run.term)
  writer.uint(run.stampMs)
  writer.uint(run.count)
  writer.blob(run.bytes)
}

/** Reads a run and checks its invariant. Shares the reader's bytes. Throws `Malformed`. */
export function readRun(reader: ByteReader): Run {
  const kind = runKinds[reader.u8()]
  if (kind === undefined) throw new Malformed('unknown kind of run')
  const firstIndex = reader.uint()
  const term = reader.uint()
  const stampMs = reader.uint()
  const count = reader.uint()
  const bytes = reader.blob()
  if (firstIndex < 1 || term < 1 || count < 1) throw new Malformed('run is empty or out of range')
  if (kind !== 'data' && count !== 1) throw new Malformed('run of this kind has one entry')
  const payloads = new ByteReader(bytes)
  for (let i = 0; i < count; i++) payloads.skipBlob()
  payloads.end()
  return { kind, firstIndex, term, stampMs, count, bytes }
}
