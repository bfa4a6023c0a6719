import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hex } from '../lib/bytes.ts'
import { decodeMessage, encodeMessage, type MessageKind, messageKinds } from './codec.ts'
import { listItemsMax } from './codec-fields.ts'
import type { ClientIndex, GroupId, HistoryId, ServerId, ServerName } from './ids.ts'
import { anyMessage, type MessageOf, messageOfKind } from './message.contract.ts'
import type { Message } from './message.ts'
import { type Run, runBytes } from './run.ts'

const group = '00112233445566778899aabbccddeeff' as GroupId
const history = '0123456789abcdef' as HistoryId
const server = 'a.b_c-1#fedcba9876543210' as ServerId
const client = 7 as ClientIndex
const nonce = Uint8Array.from({ length: 16 }, (_, i) => i)
const run: Run = {
  kind: 'data',
  firstIndex: 301,
  term: 4,
  stampMs: 123456,
  count: 2,
  bytes: runBytes([Uint8Array.of(1), Uint8Array.of(2, 3)]),
}

/** One message of each kind with every field set to something: what the golden fixture holds. */
const samples: { readonly [Kind in MessageKind]: MessageOf<Kind> } = {
  hello: {
    kind: 'hello',
    protocolMin: 1,
    protocolMax: 2,
    purpose: 'snapshot',
    group,
    history,
    server,
    address: '10.0.0.1:7400',
    connection: 300,
  },
  welcome: { kind: 'welcome', protocol: 1, group, history, server, connection: 300 },
  unwelcome: { kind: 'unwelcome', code: 'OTHER_GROUP', text: 'grüße', connection: 300 },
  append: { kind: 'append', term: 5, prevIndex: 300, prevTerm: 4, commit: 299, last: 302, round: 17, runs: [run] },
  'append-ack': {
    kind: 'append-ack',
    term: 5,
    round: 17,
    prevIndex: 300,
    match: 302,
    hintIndex: 12,
    hintTerm: 3,
    repairing: true,
    checkpoint: 256,
    stateHash: '0011223344556677',
  },
  heartbeat: { kind: 'heartbeat', term: 5, commit: 300, round: 18 },
  'heartbeat-ack': { kind: 'heartbeat-ack', term: 5, round: 18, repairing: false },
  vote: { kind: 'vote', term: 6, pre: true, transfer: false, lastIndex: 302, lastTerm: 5 },
  'vote-reply': { kind: 'vote-reply', term: 6, pre: true, granted: true },
  'timeout-now': { kind: 'timeout-now', term: 5 },
  'snapshot-chunk': {
    kind: 'snapshot-chunk',
    term: 5,
    index: 256,
    indexTerm: 4,
    chunk: 3,
    last: true,
    bytes: Uint8Array.of(9, 8, 7),
  },
  'snapshot-ack': { kind: 'snapshot-ack', term: 5, index: 256, next: 4, done: true },
  diverged: { kind: 'diverged', term: 5, index: 256 },
  'form-ask': { kind: 'form-ask', ask: 2 },
  'form-answer': { kind: 'form-answer', ask: 2, promised: true },
  form: {
    kind: 'form',
    ask: 2,
    runs: [{ ...run, kind: 'members', firstIndex: 1, count: 1, bytes: runBytes([nonce]) }],
  },
  join: { kind: 'join', server, address: '[::1]:7400' },
  'join-refused': { kind: 'join-refused', code: 'NOT_FORMED' },
  leave: { kind: 'leave' },
  left: { kind: 'left' },
  removed: { kind: 'removed', history, index: 300, by: server },
  register: { kind: 'register', nonce },
  attach: { kind: 'attach', client, from: 12 },
  requests: { kind: 'requests', commands: [Uint8Array.of(1, 2), Uint8Array.of(3)] },
  read: { kind: 'read', read: 4, query: { kind: 'list', space: 'map:users', after: 'ann', limit: 100 } },
  keepalive: { kind: 'keepalive', sentAt: 1234.5 },
  goodbye: { kind: 'goodbye' },
  registered: { kind: 'registered', client },
  attached: { kind: 'attached', client, expected: 13, credits: 1024 },
  results: {
    kind: 'results',
    results: [
      { number: 12, index: 300, outcome: { kind: 'executed', results: [Uint8Array.of(5)] } },
      { number: 13, index: 301, outcome: { kind: 'refused', code: 'CONFLICT', write: 1 } },
    ],
  },
  answers: {
    kind: 'answers',
    answers: [
      {
        read: 4,
        answer: { kind: 'document', index: 300, birth: 200, version: 250, base: Uint8Array.of(1), deltas: [nonce] },
      },
    ],
  },
  resend: { kind: 'resend', expected: 12 },
  refused: { kind: 'refused', code: 'NOT_LEADER', what: 'attach', read: 0, leader: '10.0.0.2:7400' },
  'keepalive-answer': { kind: 'keepalive-answer', sentAt: 1234.5 },
  'status-query': { kind: 'status-query' },
  status: {
    kind: 'status',
    status: {
      server,
      role: 'leader',
      group,
      history,
      protocol: 1,
      term: 5,
      leader: 'a.b_c-1' as ServerName,
      last: 302,
      commit: 301,
      applied: 300,
      stateHash: '0123456789abcdef',
      firstIndex: 257,
      snapshot: 256,
      clients: 3,
      documents: 1000,
      repairing: false,
      majorityLost: true,
      members: [{ server, address: '10.0.0.1:7400', voter: true, lag: 2, connected: true }],
    },
  },
}

function readFixture(): Map<string, string> {
  const lines = readFileSync(new URL('./fixtures/v1.hex', import.meta.url), 'utf8').split('\n')
  return new Map(lines.filter((line) => line !== '').map((line) => line.split(' ') as [string, string]))
}

function bytesOf(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

describe('protocol version 1', () => {
  const fixture = readFixture()

  test('has a golden line for every kind of message and for nothing else', () => {
    expect([...fixture.keys()].sort()).toEqual([...messageKinds].sort())
  })

  test.each(messageKinds)('writes and reads %s as it always did', (kind) => {
    expect(`${kind} ${hex(encodeMessage(samples[kind]))}`).toBe(`${kind} ${fixture.get(kind)}`)
    expect(decodeMessage(bytesOf(fixture.get(kind) ?? ''))).toEqual(samples[kind])
  })

  test('gives every kind a type byte of its own', () => {
    expect(new Set(messageKinds).size).toBe(messageKinds.length)
    expect(messageKinds.map((kind) => encodeMessage(samples[kind])[0])).toEqual(messageKinds.map((_, type) => type))
  })
})

describe('the message codec', () => {
  test.each(messageKinds)('gives back any %s unchanged', (kind) => {
    const property = fc.property(messageOfKind(kind), (message) => {
      const frame = encodeMessage(message)
      const read = decodeMessage(frame)
      expect(read).toEqual(message)
      expect(read && hex(encodeMessage(read))).toBe(hex(frame))
    })
    fc.assert(property, { seed: 3, numRuns: 60 })
  })

  test('refuses every message cut short, and every one with something behind it', () => {
    for (const kind of messageKinds) {
      const frame = encodeMessage(samples[kind])
      for (let length = 0; length < frame.length; length++)
        expect(decodeMessage(frame.subarray(0, length))).toBeUndefined()
      expect(decodeMessage(Uint8Array.of(...frame, 0))).toBeUndefined()
    }
  })

  test('refuses random messages cut short', () => {
    const property = fc.property(anyMessage, fc.nat(), (message, cut) => {
      const frame = encodeMessage(message)
      expect(decodeMessage(frame.subarray(0, cut % frame.length))).toBeUndefined()
    })
    fc.assert(property, { seed: 4, numRuns: 500 })
  })

  test('never throws on random bytes, and writes what it read from them byte for byte', () => {
    const bytes = fc.tuple(fc.nat({ max: messageKinds.length }), fc.uint8Array({ maxLength: 60 }))
    let understood = 0
    const property = fc.property(bytes, ([type, rest]) => {
      const frame = Uint8Array.of(type, ...rest)
      const message = decodeMessage(frame)
      if (message === undefined) return
      understood++
      expect(hex(encodeMessage(message))).toBe(hex(frame))
    })
    fc.assert(property, { seed: 5, numRuns: 5000 })
    expect(understood).toBeGreaterThan(20)
  })

  test('never throws on a message with one changed byte', () => {
    const property = fc.property(anyMessage, fc.nat(), fc.nat({ max: 255 }), (message, at, byte) => {
      const frame = encodeMessage(message)
      frame[at % frame.length] = byte
      const read = decodeMessage(frame)
      if (read !== undefined) expect(encodeMessage(read).length).toBe(frame.length)
    })
    fc.assert(property, { seed: 6, numRuns: 2000 })
  })
})

describe('a message from outside', () => {
  function corrupt(message: Message, change: (frame: Uint8Array) => void): Message | undefined {
    const frame = encodeMessage(message)
    change(frame)
    return decodeMessage(frame)
  }

  test('is refused when a name in it is malformed', () => {
    const at = encodeMessage(samples.join).indexOf('#'.charCodeAt(0))
    expect(corrupt(samples.join, (frame) => frame.set([0x2e], at))).toBeUndefined()
  })

  test('is refused when a time in it is not finite', () => {
    expect(corrupt(samples.keepalive, (frame) => frame.set([0x7f, 0xf0, 0, 0, 0, 0, 0, 0], 1))).toBeUndefined()
    expect(() => encodeMessage({ kind: 'keepalive', sentAt: Number.NaN })).toThrow('finite')
  })

  test('is refused when its runs leave a gap, fall in term or begin elsewhere', () => {
    const next = { ...run, firstIndex: 303 }
    const good = { ...samples.append, runs: [run, next] }
    expect(decodeMessage(encodeMessage(good))).toEqual(good)
    for (const second of [
      { ...run, firstIndex: 304 },
      { ...next, term: 3 },
    ])
      expect(() => encodeMessage({ ...samples.append, runs: [run, second] })).toThrow('follow on')
    expect(() => encodeMessage({ ...samples.append, prevIndex: 299 })).toThrow("can't be sent")
    const beyond = { ...run, firstIndex: Number.MAX_SAFE_INTEGER }
    expect(() => encodeMessage({ ...samples.form, runs: [beyond] })).toThrow('follow on')
    // The fixture's bytes with another prevIndex, and with the second run's term lowered.
    const frame = encodeMessage(good)
    const prevAt = hex(frame).indexOf('ac02') / 2
    expect(corrupt(good, (bytes) => bytes.set([0xad], prevAt))).toBeUndefined()
    const termAt = hex(frame).indexOf('af0204') / 2 + 2
    expect(corrupt(good, (bytes) => bytes.set([0x03], termAt))).toBeUndefined()
  })

  test('is refused when it claims more things than fit, or than anyone would send', () => {
    expect(decodeMessage(Uint8Array.of(messageKinds.indexOf('requests'), 0xff, 0xff, 0x7f))).toBeUndefined()
    const commands = Array.from({ length: listItemsMax }, () => new Uint8Array(0))
    const frame = encodeMessage({ kind: 'requests', commands })
    expect(decodeMessage(frame)).toEqual({ kind: 'requests', commands })
    const longer = Uint8Array.of(...frame, 0)
    longer[1] = 0x81
    expect(decodeMessage(longer)).toBeUndefined()
    expect(() => encodeMessage({ kind: 'requests', commands: [...commands, nonce] })).toThrow('too long')
  })
})
