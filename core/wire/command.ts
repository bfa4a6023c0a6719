import type { RefusalCode } from '../refusal.ts'
import type { ClientIndex, HistoryId, Index } from './ids.ts'

/** A document's name: its space and its key, any strings. */
export interface DocumentKey {
  readonly space: string
  readonly key: string
}

/** One write of a transaction. `birth` 0 means: whatever document is there now (refused `GONE` when none is). */
export type Write =
  /** Creates the document; refused `EXISTS` when it is there. `value` is an encoded graph (value.ts). */
  | (DocumentKey & { readonly kind: 'create'; readonly value: Uint8Array })
  | (DocumentKey & { readonly kind: 'delete'; readonly birth: Index })
  /** Applies a delta: encoded operations (value.ts) on the graph. */
  | (DocumentKey & { readonly kind: 'change'; readonly birth: Index; readonly delta: Uint8Array })

/**
 * A document read at `version` (0: it was absent). With key undefined it is the listing of a space, at the space's
 * version (S3).
 */
export interface ReadVersion {
  readonly space: string
  readonly key: string | undefined
  readonly version: Index
}

/** All or nothing (S3). `after`: numbers of earlier requests of this client that must have executed. */
export interface Transaction {
  readonly kind: 'transaction'
  readonly after: readonly number[]
  readonly reads: readonly ReadVersion[]
  readonly writes: readonly Write[]
}

/** Takes the place of a request that may or may not have arrived: whichever comes first in the log counts (R7). */
export interface Cancel {
  readonly kind: 'cancel'
}

/** What the payload of a `data` entry says. Client requests arrive as these bytes and are forwarded verbatim (R6). */
export type Command =
  /** First entry of a history (R5). `servers` is the canonical text whose hash is the group id. */
  | { readonly kind: 'found'; readonly history: HistoryId; readonly servers: string }
  /** Registers a client; the same nonce (16 bytes) again gives the same client. */
  | { readonly kind: 'register'; readonly nonce: Uint8Array }
  /** Numbered from 1 without gaps. Results of numbers below `ackedBelow` may be forgotten. */
  | {
      readonly kind: 'request'
      readonly client: ClientIndex
      readonly number: number
      readonly ackedBelow: number
      readonly body: Transaction | Cancel
    }
  /** Ends clients, each only if its touch counter still has this value (R7). */
  | { readonly kind: 'expire'; readonly clients: readonly { readonly client: ClientIndex; readonly touch: number }[] }
  /** Carries nothing but its stamp: cluster time moves (R8). */
  | { readonly kind: 'clock' }

/** What became of a request. Part of the replicated state: a retry gets the same one. */
export type Outcome =
  /** `results` holds one encoded value (value.ts) per operation with a result, in order of appearance. */
  | { readonly kind: 'executed'; readonly results: readonly Uint8Array[] }
  /** Nothing was changed. `write` is the position of the write (or, after those, the read version) at fault. */
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly write: number }
  | { readonly kind: 'cancelled' }

/** Questions answered by the leader after a round that confirms it (R2); they leave nothing in the log. */
export type Query =
  | (DocumentKey & { readonly kind: 'get' })
  /** Keys in code-unit order, greater than `after` (undefined: from the start), at most `limit`. */
  | { readonly kind: 'list'; readonly space: string; readonly after: string | undefined; readonly limit: number }
  /** What became of a request of a client that may be gone (R7). */
  | { readonly kind: 'outcome'; readonly client: ClientIndex; readonly number: number }
  | { readonly kind: 'barrier' }

/** `index` is the applied index at which the answer holds. */
export type Answer =
  | { readonly kind: 'absent'; readonly index: Index }
  /** The document as the server keeps it: a base graph and the deltas since, oldest first. */
  | {
      readonly kind: 'document'
      readonly index: Index
      readonly birth: Index
      readonly version: Index
      readonly base: Uint8Array
      readonly deltas: readonly Uint8Array[]
    }
  | {
      readonly kind: 'listing'
      readonly index: Index
      /** The space's version: index of its last create or delete. */
      readonly version: Index
      readonly keys: readonly string[]
      readonly more: boolean
    }
  /** `unknown`: the client's tombstone is gone, or was never there. */
  | {
      readonly kind: 'outcome'
      readonly index: Index
      readonly status: 'known' | 'not-executed' | 'acknowledged' | 'unknown'
      readonly at: Index
      readonly outcome: Outcome | undefined
    }
  | { readonly kind: 'barrier'; readonly index: Index }
