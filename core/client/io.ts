import type { RefusalCode } from '../refusal.ts'
import type { Answer, Outcome, Query, Transaction } from '../wire/command.ts'
import type { ClientIndex, HistoryId, Index, ServerName } from '../wire/ids.ts'
import type { LinkEffect, LinkInput } from '../wire/link.ts'

/**
 * What a client hears. `call` is a number of the host's choice that is never reused; exactly one answer effect names
 * it.
 */
export type ClientInput =
  | { readonly kind: 'tick' }
  | { readonly kind: 'turn' }
  | LinkInput
  /**
   * `transaction.after` names calls here, still without an answer: the machine alone numbers requests, when it first
   * sends them.
   */
  | { readonly kind: 'submit'; readonly call: number; readonly transaction: Transaction; readonly timeoutMs: number }
  | { readonly kind: 'query'; readonly call: number; readonly query: Query; readonly timeoutMs: number }
  /** Drain: take no more calls, finish those under way, say goodbye. */
  | { readonly kind: 'close' }

export type ClientEffect =
  | LinkEffect
  | { readonly kind: 'settled'; readonly call: number; readonly index: Index; readonly outcome: Outcome }
  | { readonly kind: 'answered'; readonly call: number; readonly answer: Answer }
  /** No answer will come. `executed` is 'no' only when that is certain. */
  | { readonly kind: 'failed'; readonly call: number; readonly code: RefusalCode; readonly executed: 'no' | 'unknown' }
  | { readonly kind: 'event'; readonly event: ClientEvent }
  /** Drained: the machine takes no more input. */
  | { readonly kind: 'done' }

export type ClientEvent =
  | { readonly kind: 'registered'; readonly client: ClientIndex; readonly history: HistoryId }
  | { readonly kind: 'attached'; readonly server: ServerName; readonly resent: number }
  | { readonly kind: 'detached'; readonly reason: string }
  | { readonly kind: 'expired'; readonly client: ClientIndex }
  | { readonly kind: 'other-history'; readonly history: HistoryId }
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly text: string }
