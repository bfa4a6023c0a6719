import {
  blob,
  bool,
  type Field,
  fixed,
  list,
  millis,
  oneOf,
  optional,
  positive,
  record,
  serverIdField,
  serverNameField,
  text,
  uint,
} from './codec-fields.ts'
import { group, history, type MessageFields, refusal } from './codec-peer.ts'
import type { Answer, Query } from './command.ts'
import {
  nonceBytes,
  readAnswer,
  readOutcome,
  readQuery,
  writeAnswer,
  writeOutcome,
  writeQuery,
} from './command-codec.ts'
import type { ClientIndex } from './ids.ts'
import {
  type AdminMessage,
  type ClientMessage,
  type MemberStatus,
  type Result,
  roles,
  type ServerMessage,
  type Status,
} from './message.ts'

const client = positive<ClientIndex>()
/** Requests are numbered from 1. */
const number = positive()
const query: Field<Query> = { write: writeQuery, read: readQuery }
const answer: Field<Answer> = { write: writeAnswer, read: readAnswer }

/** By hand: a leader writes one for each commit. */
const result: Field<Result> = {
  write(writer, value) {
    number.write(writer, value.number)
    writer.uint(value.index)
    writeOutcome(writer, value.outcome)
  },
  read: (reader) => ({ number: number.read(reader), index: reader.uint(), outcome: readOutcome(reader) }),
}

export const clientFields: MessageFields<ClientMessage> = {
  register: { nonce: fixed(nonceBytes) },
  attach: { client, from: number },
  requests: { commands: list(blob, 1) },
  read: { read: uint, query },
  keepalive: { sentAt: millis },
  goodbye: {},
}

/** What a server can refuse, by position: append only. */
const deliveries = ['register', 'attach', 'request', 'read', 'keepalive'] as const

export const serverFields: MessageFields<ServerMessage> = {
  registered: { client },
  attached: { client, expected: number, credits: uint },
  results: { results: list(result, 3) },
  answers: { answers: list(record<{ readonly read: number; readonly answer: Answer }>({ read: uint, answer }), 3) },
  resend: { expected: number },
  refused: { code: refusal, what: oneOf(deliveries), read: uint, leader: text },
  'keepalive-answer': { sentAt: millis },
}

const member = record<MemberStatus>({
  server: serverIdField,
  address: text,
  voter: bool,
  lag: optional(uint),
  connected: bool,
})

const status = record<Status>({
  server: serverIdField,
  role: oneOf(roles),
  group,
  history: optional(history),
  protocol: uint,
  term: uint,
  leader: optional(serverNameField),
  last: uint,
  commit: uint,
  applied: uint,
  stateHash: text,
  firstIndex: uint,
  snapshot: uint,
  clients: uint,
  documents: uint,
  repairing: bool,
  majorityLost: bool,
  members: list(member, 23),
})

export const adminFields: MessageFields<AdminMessage> = {
  'status-query': {},
  status: { status },
}
