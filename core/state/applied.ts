import type { RefusalCode } from '../refusal.ts'
import type { ClientIndex, HistoryId } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'

/** What applying one entry came to, for the server that has to answer. Not part of the replicated state. */
export type Applied =
  /** The request's result, whether it was executed now or before. */
  | { readonly kind: 'result'; readonly client: ClientIndex; readonly number: number; readonly result: Result }
  | { readonly kind: 'registered'; readonly client: ClientIndex; readonly nonce: Uint8Array }
  | { readonly kind: 'refused-registration'; readonly nonce: Uint8Array; readonly code: RefusalCode }
  /** Those of the clients named that were ended, in ascending order. */
  | { readonly kind: 'expired'; readonly clients: readonly ClientIndex[] }
  /** The request had no effect: `expected` is the number that this client's next request must have. */
  | { readonly kind: 'out-of-order'; readonly client: ClientIndex; readonly expected: number }
  | { readonly kind: 'found'; readonly history: HistoryId }
  /**
   * Nobody waits for anything: a clock entry, a request of a client that is not registered, or one already
   * acknowledged.
   */
  | { readonly kind: 'none' }
  /** The payload is no command, or one that can't be here. It had no effect. */
  | { readonly kind: 'invalid' }
