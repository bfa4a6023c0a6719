import fc from 'fast-check'
import { type RefusalCode, refusalCodes } from '../refusal.ts'
import { type MessageKind, messageKinds } from './codec.ts'
import type { Answer, Outcome, Query } from './command.ts'
import type { ClientIndex, GroupId, HistoryId, Incarnation, ServerId, ServerName } from './ids.ts'
import { serverId } from './ids.ts'
import { type MemberStatus, type Message, purposes, type Result, roles, type Status } from './message.ts'
import { type Run, type RunKind, runBytes } from './run.ts'

/**
 * Random messages of every kind, each one that may travel: for every suite that puts something between a sender and a
 * receiver.
 */

export type MessageOf<Kind extends MessageKind> = Extract<Message, { readonly kind: Kind }>

const uint = fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))
const positive = uint.map((value) => Math.max(1, value))
const client = positive.map((value) => value as ClientIndex)
const text = fc.string({ unit: 'binary', maxLength: 12 })
const blob = fc.uint8Array({ maxLength: 40 })
const blobs = fc.array(blob, { maxLength: 4 })
const flag = fc.boolean()
const time = fc.double({ noNaN: true, noDefaultInfinity: true })
const code = fc.constantFrom<RefusalCode>(...refusalCodes)

const hexText = (digits: number) =>
  fc
    .array(fc.integer({ min: 0, max: 15 }), { minLength: digits, maxLength: digits })
    .map((values) => values.map((value) => value.toString(16)).join(''))
const group = hexText(32).map((value) => value as GroupId)
const history = hexText(16).map((value) => value as HistoryId)
const name = fc.stringMatching(/^[a-z0-9._-]{1,64}$/).map((value) => value as ServerName)
const server: fc.Arbitrary<ServerId> = fc
  .tuple(name, hexText(16))
  .map(([given, incarnation]) => serverId(given, incarnation as Incarnation))

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

/** Runs as a log has them: one behind the other from `firstIndex`, their terms never falling. */
const runsFrom = (firstIndex: number): fc.Arbitrary<readonly Run[]> =>
  fc
    .array(
      fc.record({
        kind: fc.constantFrom<RunKind>('data', 'data', 'noop', 'members'),
        payloads: fc.array(blob, { minLength: 1, maxLength: 4 }),
        termsUp: fc.nat({ max: 2 }),
        stampMs: uint,
      }),
      { maxLength: 4 },
    )
    .map((parts) => {
      let next = firstIndex
      let term = 1
      return parts.map(({ kind, payloads, termsUp, stampMs }) => {
        const kept = kind === 'data' ? payloads : payloads.slice(0, 1)
        term += termsUp
        next += kept.length
        return { kind, firstIndex: next - kept.length, term, stampMs, count: kept.length, bytes: runBytes(kept) }
      })
    })

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('executed' as const), results: blobs }),
  fc.record({ kind: fc.constant('refused' as const), code, write: uint }),
  fc.constant({ kind: 'cancelled' as const }),
)
const query: fc.Arbitrary<Query> = fc.oneof(
  fc.record({ kind: fc.constant('get' as const), space: text, key: text }),
  fc.record({ kind: fc.constant('list' as const), space: text, after: optional(text), limit: uint }),
  fc.record({ kind: fc.constant('outcome' as const), client, number: positive }),
  fc.constant({ kind: 'barrier' as const }),
)
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ kind: fc.constantFrom('absent' as const, 'barrier' as const), index: uint }),
  fc.record({
    kind: fc.constant('document' as const),
    index: uint,
    birth: uint,
    version: uint,
    base: blob,
    deltas: blobs,
  }),
  fc.record({
    kind: fc.constant('listing' as const),
    index: uint,
    version: uint,
    keys: fc.array(text, { maxLength: 4 }),
    more: flag,
  }),
  fc.record({
    kind: fc.constant('outcome' as const),
    index: uint,
    status: fc.constantFrom('known' as const, 'not-executed' as const, 'acknowledged' as const, 'unknown' as const),
    at: uint,
    outcome: optional(outcome),
  }),
)

const result: fc.Arbitrary<Result> = fc.record({ number: positive, index: uint, outcome })
const member: fc.Arbitrary<MemberStatus> = fc.record({
  server,
  address: text,
  voter: flag,
  lag: optional(uint),
  connected: flag,
})
const status: fc.Arbitrary<Status> = fc.record({
  server,
  role: fc.constantFrom(...roles),
  group,
  history: optional(history),
  protocol: uint,
  term: uint,
  leader: optional(name),
  last: uint,
  commit: uint,
  applied: uint,
  stateHash: fc.string({ maxLength: 16 }),
  firstIndex: uint,
  snapshot: uint,
  clients: uint,
  documents: uint,
  repairing: flag,
  majorityLost: flag,
  members: fc.array(member, { maxLength: 3 }),
})

type FieldArbitraries = {
  readonly [Kind in MessageKind]: fc.Arbitrary<Omit<MessageOf<Kind>, 'kind'>>
}

const fields: FieldArbitraries = {
  hello: fc.record({
    protocolMin: uint,
    protocolMax: uint,
    purpose: fc.constantFrom(...purposes),
    group: optional(group),
    history: optional(history),
    server: optional(server),
    address: text,
    connection: uint,
  }),
  welcome: fc.record({ protocol: uint, group, history: optional(history), server, connection: uint }),
  unwelcome: fc.record({ code, text, connection: uint }),
  append: uint.chain((prev) => {
    const prevIndex = Math.min(prev, Number.MAX_SAFE_INTEGER - 100)
    return fc.record({
      term: uint,
      prevIndex: fc.constant(prevIndex),
      prevTerm: uint,
      commit: uint,
      last: uint,
      round: uint,
      runs: runsFrom(prevIndex + 1),
    })
  }),
  'append-ack': fc.record({
    term: uint,
    round: uint,
    prevIndex: uint,
    match: optional(uint),
    hintIndex: uint,
    hintTerm: uint,
    repairing: flag,
    checkpoint: uint,
    stateHash: fc.oneof(fc.constant(''), hexText(16)),
  }),
  heartbeat: fc.record({ term: uint, commit: uint, round: uint }),
  'heartbeat-ack': fc.record({ term: uint, round: uint, repairing: flag }),
  vote: fc.record({ term: uint, pre: flag, transfer: flag, lastIndex: uint, lastTerm: uint }),
  'vote-reply': fc.record({ term: uint, pre: flag, granted: flag }),
  'timeout-now': fc.record({ term: uint }),
  'snapshot-chunk': fc.record({ term: uint, index: uint, indexTerm: uint, chunk: uint, last: flag, bytes: blob }),
  'snapshot-ack': fc.record({ term: uint, index: uint, next: uint, done: flag }),
  diverged: fc.record({ term: uint, index: uint }),
  'form-ask': fc.record({ ask: uint }),
  'form-answer': fc.record({ ask: uint, promised: flag }),
  form: fc.record({ ask: uint, runs: runsFrom(1) }),
  join: fc.record({ server, address: text }),
  'join-refused': fc.record({ code }),
  leave: fc.record({}),
  left: fc.record({}),
  removed: fc.record({ history, index: uint, by: optional(server) }),
  register: fc.record({ nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
  attach: fc.record({ client, from: positive }),
  requests: fc.record({ commands: blobs }),
  read: fc.record({ read: uint, query }),
  keepalive: fc.record({ sentAt: time }),
  goodbye: fc.record({}),
  registered: fc.record({ client }),
  attached: fc.record({ client, expected: positive, credits: uint }),
  results: fc.record({ results: fc.array(result, { maxLength: 4 }) }),
  answers: fc.record({ answers: fc.array(fc.record({ read: uint, answer }), { maxLength: 4 }) }),
  resend: fc.record({ expected: positive }),
  refused: fc.record({
    code,
    what: fc.constantFrom(
      'register' as const,
      'attach' as const,
      'request' as const,
      'read' as const,
      'keepalive' as const,
    ),
    read: uint,
    leader: text,
  }),
  'keepalive-answer': fc.record({ sentAt: time }),
  'status-query': fc.record({}),
  status: fc.record({ status }),
}

/** Any message of one kind. */
export function messageOfKind(kind: MessageKind): fc.Arbitrary<Message> {
  return (fields[kind] as fc.Arbitrary<object>).map((given) => ({ kind, ...given }) as Message)
}

/** Any message, all kinds equally often. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...messageKinds.map(messageOfKind))
