/**
 * Every expected way to say no, in one catalogue. `executed: 'no'` means that the request certainly had no effect;
 * `'unknown'` that it may have had one. `retry` says who may try again and how.
 */
export const refusals = {
  CONFLICT: { executed: 'no', retry: 'read-again', text: 'a document that the transaction read has changed since' },
  GONE: { executed: 'no', retry: 'read-again', text: 'there is no such document, or it was deleted and created again' },
  EXISTS: { executed: 'no', retry: 'never', text: 'a document with this key exists already' },
  NO_SUCH_PATH: {
    executed: 'no',
    retry: 'read-again',
    text: 'an operation names a place that the document does not have',
  },
  BAD_OPERATION: {
    executed: 'no',
    retry: 'never',
    text: 'an operation does not fit the kind of value it is applied to',
  },
  TOO_LARGE: { executed: 'no', retry: 'never', text: 'the document, its key or its space would exceed its size limit' },
  NOT_AFTER: {
    executed: 'no',
    retry: 'read-again',
    text: 'an earlier request that this one builds on was not executed',
  },
  CANCELLED: { executed: 'no', retry: 'never', text: 'the request was cancelled before it was executed' },
  NOT_EXECUTED: {
    executed: 'no',
    retry: 'new-request',
    text: 'the client was expired before the request reached the log',
  },
  TOO_MANY_CLIENTS: { executed: 'no', retry: 'later', text: 'the group has as many clients as it accepts' },
  BUSY: { executed: 'unknown', retry: 'same-request', text: 'a queue is full; this delivery was not taken' },
  NOT_LEADER: { executed: 'unknown', retry: 'same-request', text: 'this server does not lead; try the one it names' },
  EXPIRED: { executed: 'unknown', retry: 'ask-outcome', text: 'the client was silent for too long and was ended' },
  OUTCOME_UNKNOWN: {
    executed: 'unknown',
    retry: 'never',
    text: 'the request may or may not have been executed, and nobody can tell any more',
  },
  TIMEOUT: { executed: 'unknown', retry: 'ask-outcome', text: 'no answer came in time' },
  OTHER_HISTORY: {
    executed: 'unknown',
    retry: 'never',
    text: 'the group was formed anew or recovered; what it held before is another history',
  },
  OTHER_GROUP: { executed: 'no', retry: 'never', text: 'the server belongs to another group' },
  OTHER_PROTOCOL: { executed: 'no', retry: 'never', text: 'the two sides have no protocol version in common' },
  UNKNOWN_PEER: { executed: 'no', retry: 'never', text: 'the server is not one of those named in servers' },
  SUPERSEDED: { executed: 'no', retry: 'never', text: 'a younger connection of the same peer replaced this one' },
  REPLACED: { executed: 'no', retry: 'never', text: 'another incarnation has taken the place of this server' },
  NOT_FORMED: {
    executed: 'no',
    retry: 'later',
    text: 'the group has not formed yet: every server named must run once at the same time',
  },
  MAJORITY_LOST: {
    executed: 'unknown',
    retry: 'operator',
    text: 'a majority of the servers lost its memory; an operator must recover',
  },
  STOPPING: { executed: 'unknown', retry: 'same-request', text: 'the server is shutting down' },
  CLOSED: { executed: 'no', retry: 'never', text: 'this client was closed' },
} as const satisfies Record<string, Refusal>

export interface Refusal {
  readonly executed: 'no' | 'unknown'
  readonly retry: 'never' | 'later' | 'same-request' | 'new-request' | 'read-again' | 'ask-outcome' | 'operator'
  readonly text: string
}

export type RefusalCode = keyof typeof refusals

/** All codes in the order that gives each its number on the wire and in results: append only. */
export const refusalCodes = Object.keys(refusals) as readonly RefusalCode[]
