import type { DiskEffect, DiskInput } from '../storage/disk.ts'
import type { HistoryId, Index, ServerId, ServerName, Term } from '../wire/ids.ts'
import type { LinkEffect, LinkInput } from '../wire/link.ts'
import type { Role } from '../wire/message.ts'

/**
 * What a server hears. Its host gives one `turn` after the inputs of an event-loop turn: only then does it flush,
 * replicate and answer.
 */
export type ServerInput =
  | { readonly kind: 'tick' }
  | { readonly kind: 'turn' }
  | LinkInput
  | DiskInput
  /** Hand leadership over (or leave the group, in memory mode), then stop with reason `stopped`. */
  | { readonly kind: 'shutdown' }
  /** Hand leadership to this server, or to the best one that is connected. */
  | { readonly kind: 'transfer'; readonly to: ServerName | undefined }
  /** An operator's order to a server of a lost majority: begin a new history with what it holds (R5). */
  | { readonly kind: 'recover' }

export type ServerEffect =
  | LinkEffect
  | DiskEffect
  | { readonly kind: 'event'; readonly event: ServerEvent }
  /**
   * The machine is finished and takes no more input. After `burnt` the identity must not be used again: the host
   * removes the data (R4).
   */
  | { readonly kind: 'stop'; readonly reason: StopReason; readonly text: string; readonly burnt: boolean }

export type StopReason =
  | 'stopped'
  | 'disk-failed'
  | 'disk-full'
  | 'diverged'
  /** Another incarnation has its place. */
  | 'replaced'
  /** It was taken out of the members. */
  | 'removed'
  /** It learned from a history that is over: the group was recovered. */
  | 'other-history'

/** What a server did that an operator, a log or a trace may want to know. Closed, and free of keys and values. */
export type ServerEvent =
  | { readonly kind: 'role'; readonly role: Role; readonly term: Term; readonly leader: ServerName | undefined }
  | { readonly kind: 'formed'; readonly history: HistoryId }
  | {
      readonly kind: 'members'
      readonly index: Index
      readonly voters: readonly ServerId[]
      readonly learners: readonly ServerId[]
    }
  | { readonly kind: 'snapshot-taken'; readonly index: Index }
  | { readonly kind: 'snapshot-sent'; readonly index: Index; readonly to: ServerId }
  | { readonly kind: 'snapshot-installed'; readonly index: Index }
  | { readonly kind: 'torn-tail'; readonly lastIndex: Index }
  | { readonly kind: 'damage-found'; readonly from: Index; readonly upTo: Index }
  | { readonly kind: 'repaired'; readonly index: Index }
  | { readonly kind: 'client-registered'; readonly client: number }
  /** `goodbye`: whether it said so or was silent for too long; known only to the server that ended it. */
  | { readonly kind: 'client-expired'; readonly client: number; readonly goodbye: boolean | undefined }
  | { readonly kind: 'majority-lost' }
  /** An operator's order that can't be carried out, and why. */
  | { readonly kind: 'order-refused'; readonly order: 'transfer' | 'recover'; readonly text: string }
  /** The server lost its patience and stopped before all was done that belongs to an orderly end. */
  | { readonly kind: 'shutdown-cut-short'; readonly text: string }
  | { readonly kind: 'diverged'; readonly index: Index }
  /**
   * A server sent entries that contradict what is committed here: one of the two has a log that it should not have.
   * Told the first time, the tenth, the hundredth, and so on.
   */
  | { readonly kind: 'log-contradicted'; readonly by: ServerName; readonly times: number }
  /** A connection ended because the other side, a client mostly, did not read what was sent to it. */
  | { readonly kind: 'link-unread'; readonly remote: string }
  | { readonly kind: 'peer-refused'; readonly remote: string; readonly code: string; readonly text: string }
