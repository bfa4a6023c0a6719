import { refusalCodes } from '../refusal.ts'
import { blob, bool, type Fields, oneOf, optional, packedHex, runs, serverIdField, text, uint } from './codec-fields.ts'
import { isGroupId, isHistoryId } from './ids.ts'
import { type FormationMessage, type HandshakeMessage, type PeerMessage, purposes } from './message.ts'

/** The fields of a message of this kind, in the order in which they travel. */
export type MessageFields<Message extends { readonly kind: string }> = {
  readonly [Kind in Message['kind']]: Fields<Omit<Extract<Message, { readonly kind: Kind }>, 'kind'>>
}

export const group = packedHex(16, isGroupId)
export const history = packedHex(8, isHistoryId)
export const refusal = oneOf(refusalCodes)

/** The layout of these three never changes, in no protocol version: they are read before a version is agreed on. */
export const handshakeFields: MessageFields<HandshakeMessage> = {
  hello: {
    protocolMin: uint,
    protocolMax: uint,
    purpose: oneOf(purposes),
    group: optional(group),
    history: optional(history),
    server: optional(serverIdField),
    address: text,
    connection: uint,
  },
  welcome: { protocol: uint, group, history: optional(history), server: serverIdField, connection: uint },
  unwelcome: { code: refusal, text, connection: uint },
}

export const peerFields: MessageFields<PeerMessage> = {
  append: { term: uint, prevIndex: uint, prevTerm: uint, commit: uint, last: uint, round: uint, runs },
  'append-ack': {
    term: uint,
    round: uint,
    prevIndex: uint,
    match: optional(uint),
    hintIndex: uint,
    hintTerm: uint,
    repairing: bool,
    checkpoint: uint,
    stateHash: text,
  },
  heartbeat: { term: uint, commit: uint, round: uint },
  'heartbeat-ack': { term: uint, round: uint, repairing: bool },
  vote: { term: uint, pre: bool, transfer: bool, lastIndex: uint, lastTerm: uint },
  'vote-reply': { term: uint, pre: bool, granted: bool },
  'timeout-now': { term: uint },
  'snapshot-chunk': { term: uint, index: uint, indexTerm: uint, chunk: uint, last: bool, bytes: blob },
  'snapshot-ack': { term: uint, index: uint, next: uint, done: bool },
  diverged: { term: uint, index: uint },
}

export const formationFields: MessageFields<FormationMessage> = {
  'form-ask': { ask: uint },
  'form-answer': { ask: uint, promised: bool },
  form: { ask: uint, runs },
  join: { server: serverIdField, address: text },
  'join-refused': { code: refusal },
  leave: {},
  left: {},
  removed: { history, index: uint, by: optional(serverIdField) },
}
