import type { RefusalCode } from '../refusal.ts'
import type { Answer, Outcome, Query } from './command.ts'
import type { ClientIndex, GroupId, HistoryId, Index, ServerId, ServerName, Term } from './ids.ts'
import type { Run } from './run.ts'

/** Every message that travels on a link, by who sends it. One message is one frame. */
export type Message = HandshakeMessage | PeerMessage | FormationMessage | ClientMessage | ServerMessage | AdminMessage

/** Which conversation a link carries. Snapshots have a link of their own, so that they never delay a heartbeat. */
export const purposes = ['peer', 'snapshot', 'client', 'admin'] as const
export type Purpose = (typeof purposes)[number]

export type HandshakeMessage =
  /** First frame on a link, from the side that dialled; sent again until it is answered. */
  | {
      readonly kind: 'hello'
      readonly protocolMin: number
      readonly protocolMax: number
      readonly purpose: Purpose
      /** The group the dialler belongs to or wants; undefined when it does not know. */
      readonly group: GroupId | undefined
      readonly history: HistoryId | undefined
      /** The dialling server; undefined for a client. */
      readonly server: ServerId | undefined
      /** Where others reach the dialling server. */
      readonly address: string
      /** Counts the dialler's connections to this server; a lower one than the last is refused (S6). */
      readonly connection: number
    }
  | {
      readonly kind: 'welcome'
      readonly protocol: number
      readonly group: GroupId
      readonly history: HistoryId | undefined
      readonly server: ServerId
      /** Echoes `hello.connection`. */
      readonly connection: number
    }
  /** The hello is refused; the sender closes. */
  | { readonly kind: 'unwelcome'; readonly code: RefusalCode; readonly text: string; readonly connection: number }

/**
 * Raft between servers. The sender is the link's peer; requests travel on the sender's own dialled link, replies on the
 * link of the request.
 */
export type PeerMessage =
  | {
      readonly kind: 'append'
      readonly term: Term
      readonly prevIndex: Index
      readonly prevTerm: Term
      readonly commit: Index
      /** The leader's last index when it sent this: a member that agrees up to here lacks nothing of this term. */
      readonly last: Index
      /** The newest read round this message confirms (R2). */
      readonly round: number
      readonly runs: readonly Run[]
    }
  | {
      readonly kind: 'append-ack'
      readonly term: Term
      readonly round: number
      /** Where the appended message began (`prevIndex`), so that a stale answer is known as one. */
      readonly prevIndex: Index
      /** Accepted: the follower durably holds the leader's log up to `match`. Rejected: undefined. */
      readonly match: Index | undefined
      /** Rejected: the highest index at which the logs may agree, and the term of the follower's entry there. */
      readonly hintIndex: Index
      readonly hintTerm: Term
      /** True while the follower repairs damage: it neither votes nor counts for commit (R4). */
      readonly repairing: boolean
      /** The last checkpoint the follower applied and its state hash there (R9); 0 when none. */
      readonly checkpoint: Index
      readonly stateHash: string
    }
  | { readonly kind: 'heartbeat'; readonly term: Term; readonly commit: Index; readonly round: number }
  | { readonly kind: 'heartbeat-ack'; readonly term: Term; readonly round: number; readonly repairing: boolean }
  | {
      readonly kind: 'vote'
      readonly term: Term
      readonly pre: boolean
      /** The leader of `term - 1` asked the candidate to take over: stickiness does not apply. */
      readonly transfer: boolean
      readonly lastIndex: Index
      readonly lastTerm: Term
    }
  | { readonly kind: 'vote-reply'; readonly term: Term; readonly pre: boolean; readonly granted: boolean }
  /** The leader asks the receiver to campaign at once. */
  | { readonly kind: 'timeout-now'; readonly term: Term }
  | {
      readonly kind: 'snapshot-chunk'
      readonly term: Term
      /** What the snapshot covers. */
      readonly index: Index
      readonly indexTerm: Term
      /** Position of the chunk, from 0. */
      readonly chunk: number
      readonly last: boolean
      readonly bytes: Uint8Array
    }
  /** `next`: the chunk expected next; `done`: the snapshot is installed, or was not needed. */
  | {
      readonly kind: 'snapshot-ack'
      readonly term: Term
      readonly index: Index
      readonly next: number
      readonly done: boolean
    }
  /** The receiver's state differs from that of an equal majority at `index`: it must stop (R9). */
  | { readonly kind: 'diverged'; readonly term: Term; readonly index: Index }

/** How a group forms, takes a server in and lets one go (R5). */
export type FormationMessage =
  /** Asked by the first name of `servers`: are you empty, and will you found with nobody but me? */
  | { readonly kind: 'form-ask'; readonly ask: number }
  | { readonly kind: 'form-answer'; readonly ask: number; readonly promised: boolean }
  /** The first entry of a new history and its members; holds for the latest promise only. */
  | { readonly kind: 'form'; readonly ask: number; readonly runs: readonly Run[] }
  /** A server that holds nothing asks to be taken in. */
  | { readonly kind: 'join'; readonly server: ServerId; readonly address: string }
  /** The answer to a join that can't be granted now. */
  | { readonly kind: 'join-refused'; readonly code: RefusalCode }
  /** A server asks to be taken out of the members before it exits. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'left' }
  /**
   * By the configuration that is in effect at `index`, which is committed, the receiver is no member; `by` is the
   * incarnation that has taken its place, if one has. Means nothing to a server that was never taken in, or later.
   */
  | {
      readonly kind: 'removed'
      readonly history: HistoryId
      readonly index: Index
      readonly by: ServerId | undefined
    }

export type ClientMessage =
  /** Asks for a client id; the same nonce again gives the same one. */
  | { readonly kind: 'register'; readonly nonce: Uint8Array }
  /** Takes up a registration on this connection. `from`: the lowest unresolved number (or the next one). */
  | { readonly kind: 'attach'; readonly client: ClientIndex; readonly from: number }
  /** Encoded `request` commands in order of number; forwarded verbatim. */
  | { readonly kind: 'requests'; readonly commands: readonly Uint8Array[] }
  | { readonly kind: 'read'; readonly read: number; readonly query: Query }
  | { readonly kind: 'keepalive'; readonly sentAt: number }
  /** The client is done: it may be expired at once. */
  | { readonly kind: 'goodbye' }

/** What a server says to a client. */
export type ServerMessage =
  | { readonly kind: 'registered'; readonly client: ClientIndex }
  /**
   * Answers `attach`. `expected`: the next number the leader takes; results of executed numbers from `from` on follow
   * or precede.
   */
  | { readonly kind: 'attached'; readonly client: ClientIndex; readonly expected: number; readonly credits: number }
  | { readonly kind: 'results'; readonly results: readonly Result[] }
  | { readonly kind: 'answers'; readonly answers: readonly { readonly read: number; readonly answer: Answer }[] }
  /** A gap or loss on the way: the leader takes `expected` next. */
  | { readonly kind: 'resend'; readonly expected: number }
  /**
   * A delivery is refused. `NOT_LEADER` names the leader's address if it is known ('' if not); `EXPIRED` ends the
   * registration.
   */
  | {
      readonly kind: 'refused'
      readonly code: RefusalCode
      readonly what: 'register' | 'attach' | 'request' | 'read' | 'keepalive'
      /** The read refused, or 0. */
      readonly read: number
      readonly leader: string
    }
  | { readonly kind: 'keepalive-answer'; readonly sentAt: number }

export interface Result {
  readonly number: number
  readonly index: Index
  readonly outcome: Outcome
}

/** Status and, later, operator commands. */
export type AdminMessage = { readonly kind: 'status-query' } | { readonly kind: 'status'; readonly status: Status }

export const roles = ['forming', 'joining', 'follower', 'candidate', 'leader', 'stopped'] as const
export type Role = (typeof roles)[number]

export interface Status {
  readonly server: ServerId
  readonly role: Role
  readonly group: GroupId
  readonly history: HistoryId | undefined
  readonly protocol: number
  readonly term: Term
  readonly leader: ServerName | undefined
  readonly last: Index
  readonly commit: Index
  readonly applied: Index
  /** Digest of the state at `applied`: equal on servers that applied the same index (R9). */
  readonly stateHash: string
  readonly firstIndex: Index
  readonly snapshot: Index
  readonly clients: number
  readonly documents: number
  readonly repairing: boolean
  readonly majorityLost: boolean
  readonly members: readonly MemberStatus[]
}

export interface MemberStatus {
  readonly server: ServerId
  readonly address: string
  readonly voter: boolean
  /** Entries the member lacks, as its leader knows it; undefined when asked of a server that doesn't lead. */
  readonly lag: number | undefined
  readonly connected: boolean
}
