import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../lib/bytes.ts'
import { type RefusalCode, refusalCodes } from '../refusal.ts'
import type { Answer, Command, Outcome, Query, Transaction, Write } from './command.ts'
import {
  decodeCommand,
  encodeCommand,
  peekRequest,
  readAnswer,
  readOutcome,
  readQuery,
  writeAnswer,
  writeOutcome,
  writeQuery,
} from './command-codec.ts'
import type { ClientIndex, HistoryId } from './ids.ts'

const runs = { seed: 20, numRuns: 300 }
const number = fc.nat({ max: 2 ** 40 })
const client = fc.integer({ min: 1, max: 2 ** 40 }).map((n) => n as ClientIndex)
const text = fc.string({ unit: 'binary', maxLength: 12 })
const blob = fc.uint8Array({ maxLength: 40 })
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), space: text, key: text, value: blob }),
  fc.record({ kind: fc.constant('delete' as const), space: text, key: text, birth: number }),
  fc.record({ kind: fc.constant('change' as const), space: text, key: text, birth: number, delta: blob }),
)
const transaction: fc.Arbitrary<Transaction> = fc.record({
  kind: fc.constant('transaction' as const),
  after: fc.array(number, { maxLength: 4 }),
  reads: fc.array(fc.record({ space: text, key: fc.option(text, { nil: undefined }), version: number }), {
    maxLength: 4,
  }),
  writes: fc.array(write, { maxLength: 4 }),
})
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('found' as const),
    history: fc.constant('0123456789abcdef' as HistoryId),
    servers: text,
  }),
  fc.record({ kind: fc.constant('register' as const), nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }) }),
  fc.record({
    kind: fc.constant('request' as const),
    client,
    number: fc.integer({ min: 1 }),
    ackedBelow: number,
    body: fc.oneof(transaction, fc.constant({ kind: 'cancel' as const })),
  }),
  fc.record({
    kind: fc.constant('expire' as const),
    clients: fc.array(fc.record({ client, touch: number }), { maxLength: 5 }),
  }),
  fc.constant({ kind: 'clock' as const }),
)
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('executed' as const), results: fc.array(blob, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('refused' as const),
    code: fc.constantFrom<RefusalCode>(...refusalCodes),
    write: number,
  }),
  fc.constant({ kind: 'cancelled' as const }),
)
const query: fc.Arbitrary<Query> = fc.oneof(
  fc.record({ kind: fc.constant('get' as const), space: text, key: text }),
  fc.record({
    kind: fc.constant('list' as const),
    space: text,
    after: fc.option(text, { nil: undefined }),
    limit: number,
  }),
  fc.record({ kind: fc.constant('outcome' as const), client, number: fc.integer({ min: 1 }) }),
  fc.constant({ kind: 'barrier' as const }),
)
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ kind: fc.constantFrom('absent' as const, 'barrier' as const), index: number }),
  fc.record({
    kind: fc.constant('document' as const),
    index: number,
    birth: number,
    version: number,
    base: blob,
    deltas: fc.array(blob, { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('listing' as const),
    index: number,
    version: number,
    keys: fc.array(text, { maxLength: 4 }),
    more: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('outcome' as const),
    index: number,
    status: fc.constantFrom('known' as const, 'not-executed' as const, 'acknowledged' as const, 'unknown' as const),
    at: number,
    outcome: fc.option(outcome, { nil: undefined }),
  }),
)

function roundTrip<T>(value: T, write: (w: ByteWriter, v: T) => void, read: (r: ByteReader) => T): T {
  const writer = new ByteWriter()
  write(writer, value)
  const reader = new ByteReader(writer.take())
  const copy = read(reader)
  reader.end()
  return copy
}

describe('the command codec', () => {
  test('gives back every command it was given', () => {
    fc.assert(
      fc.property(command, (given) => {
        expect(decodeCommand(encodeCommand(given))).toEqual(given)
      }),
      runs,
    )
  })

  test('gives back every outcome, query and answer', () => {
    fc.assert(
      fc.property(outcome, query, answer, (o, q, a) => {
        expect(roundTrip(o, writeOutcome, readOutcome)).toEqual(o)
        expect(roundTrip(q, writeQuery, readQuery)).toEqual(q)
        expect(roundTrip(a, writeAnswer, readAnswer)).toEqual(a)
      }),
      runs,
    )
  })

  test('refuses every payload that was cut short', () => {
    fc.assert(
      fc.property(command, fc.nat(), (given, cut) => {
        const payload = encodeCommand(given)
        expect(decodeCommand(payload.subarray(0, cut % payload.length))).toBeUndefined()
      }),
      runs,
    )
  })

  test('answers random bytes with undefined, or with a command that has exactly these bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (payload) => {
        const decoded = decodeCommand(payload)
        if (decoded !== undefined) expect(encodeCommand(decoded)).toEqual(payload)
        peekRequest(payload)
      }),
      { seed: 21, numRuns: 2000 },
    )
  })

  test('peeks at a request without reading its body', () => {
    const payload = encodeCommand({
      kind: 'request',
      client: 300 as ClientIndex,
      number: 70_000,
      ackedBelow: 1,
      body: { kind: 'cancel' },
    })
    expect(peekRequest(payload)).toEqual({ client: 300, number: 70_000 })
    expect(peekRequest(encodeCommand({ kind: 'clock' }))).toBeUndefined()
    expect(peekRequest(payload.subarray(0, 2))).toBeUndefined()
  })
})
