import { assert } from '../lib/assert.ts'

/** Bounds of the replicated state. Every server of a group must have the same ones, or their states would differ. */
export interface StateLimits {
  /** Encoded bytes of one document, and of the results of one request. */
  readonly documentBytesMax: number
  /** Bytes of UTF-8 of a key, and of the name of a space. */
  readonly keyBytesMax: number
  /** Deltas kept beside a document before they are folded into it. */
  readonly deltasMax: number
  /** Deltas are folded once they take more bytes than the document, or than this if the document is smaller. */
  readonly deltaBytesMin: number
  readonly clientsMax: number
  /**
   * How much a client may leave unacknowledged before a server takes no more of its requests. A result that was
   * computed is always kept.
   */
  readonly resultBytesMax: number
  readonly tombstonesMax: number
  /** Of all tombstones together, each counted as it is and with its results. */
  readonly tombstoneBytesMax: number
  /** How long, in cluster time, one can ask what became of the requests of an ended client. */
  readonly tombstoneMs: number
  /** How many old tombstones one entry clears away, so that no entry costs much more than others. */
  readonly tombstonesDroppedMax: number
  readonly listKeysMax: number
  readonly listBytesMax: number
  /** Entries that one step of writing a snapshot handles. */
  readonly chunkEntriesMax: number
}

export const stateLimits: StateLimits = {
  documentBytesMax: 1024 * 1024,
  keyBytesMax: 1024,
  deltasMax: 16,
  deltaBytesMin: 1024,
  clientsMax: 10_000,
  resultBytesMax: 64 * 1024,
  tombstonesMax: 10_000,
  tombstoneBytesMax: 64 * 1024 * 1024,
  tombstoneMs: 3_600_000,
  tombstonesDroppedMax: 100,
  listKeysMax: 1000,
  listBytesMax: 256 * 1024,
  chunkEntriesMax: 256,
}

/** The default limits with some of them changed. */
export function withLimits(changes: Partial<StateLimits>): StateLimits {
  const limits = { ...stateLimits, ...changes }
  assert(limits.deltasMax >= 1 && limits.chunkEntriesMax >= 1 && limits.tombstonesDroppedMax >= 1, 'a limit below one')
  return limits
}
