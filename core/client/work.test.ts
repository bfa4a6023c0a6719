import { describe, expect, it } from 'vitest'
import type { Answer, Outcome } from '../wire/command.ts'
import type { ClientIndex, HistoryId, ServerId } from '../wire/ids.ts'
import {
  attachedBench,
  Bench,
  creating,
  executed,
  group,
  history,
  passAlive,
  requestOf,
  submitAll,
} from './bench.contract.ts'

describe('a call whose time is over', () => {
  it('was certainly not executed if it had no number, else nobody can tell', () => {
    const bench = attachedBench(1)
    submitAll(bench, 1, 2, 200)
    bench.result(1)
    bench.commands()
    bench.pass(0)
    bench.submit(3, creating(3), 100)
    bench.submit(4, creating(4), 1000)
    bench.turn()
    passAlive(bench, 210)
    expect(bench.answers.slice(1)).toEqual([
      { kind: 'failed', call: 3, code: 'TIMEOUT', executed: 'no' },
      { kind: 'failed', call: 2, code: 'TIMEOUT', executed: 'unknown' },
    ])
    bench.commands()
    bench.result(2)
    bench.turn()
    expect(bench.requests()).toMatchObject([{ number: 3, body: creating(4) }])
    expect(bench.answers).toHaveLength(3)
  })

  it('has its number cancelled at the next server, so that the sequence goes on', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1)
    submitAll(bench, 2, 2, 100)
    submitAll(bench, 3, 3)
    const before = bench.commands()
    passAlive(bench, 600)
    // On the same link only the same bytes count as the same delivery.
    expect(bench.commands()).toEqual(before)
    bench.reattach(1)
    bench.turn()
    const again = bench.commands()
    expect([again[0], again[2]]).toEqual([before[0], before[2]])
    expect(again.map(requestOf)[1]).toEqual({
      kind: 'request',
      client: 7,
      number: 2,
      ackedBelow: 1,
      body: { kind: 'cancel' },
    })
    for (const number of [1, 2, 3]) bench.result(number)
    expect(bench.answers.map((answer) => [answer.kind, answer.call])).toEqual([
      ['failed', 2],
      ['settled', 1],
      ['settled', 3],
    ])
  })

  it('needs no cancel when the next server has it', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1, 100)
    bench.pass(100)
    bench.commands()
    bench.reattach(2)
    bench.turn()
    expect(bench.commands()).toEqual([])
    bench.result(1, 5, { kind: 'cancelled' })
    submitAll(bench, 2, 2)
    expect(bench.requests()).toMatchObject([{ number: 2, ackedBelow: 2 }])
  })

  it('ends within five milliseconds of its time, however many others there are', () => {
    const bench = new Bench()
    for (let call = 0; call < 200; call++) bench.submit(call, creating(call), 100 + call)
    for (let call = 0; call < 200; call++) {
      bench.pass(1)
      const over = bench.answers.length
      expect(over).toBeLessThanOrEqual(Math.max(0, bench.now - 1000 - 99))
      expect(over).toBeGreaterThanOrEqual(Math.min(200, Math.max(0, bench.now - 1000 - 99 - 5)))
    }
  })
})

describe('the end of a registration', () => {
  const outcomeAnswer = (status: 'known' | 'not-executed' | 'acknowledged' | 'unknown', outcome?: Outcome): Answer => ({
    kind: 'outcome',
    index: 90,
    status,
    at: status === 'known' ? 33 : 0,
    outcome,
  })

  const expireWith = (bench: Bench) => {
    bench.refuse('EXPIRED')
    bench.connect()
    bench.welcome()
    bench.sent()
    bench.registered(8)
    bench.attached(1, 2, 8)
    bench.turn()
  }

  it('makes it ask what became of what was numbered, and go on with what was not', () => {
    const bench = attachedBench(2)
    submitAll(bench, 1, 3)
    bench.commands()
    expireWith(bench)
    const sent = bench.sent()
    expect(sent.filter((message) => message.kind === 'read')).toEqual([
      { kind: 'read', read: 1, query: { kind: 'outcome', client: 7, number: 1 } },
      { kind: 'read', read: 2, query: { kind: 'outcome', client: 7, number: 2 } },
    ])
    const requests = sent.flatMap((message) => (message.kind === 'requests' ? message.commands.map(requestOf) : []))
    expect(requests).toMatchObject([{ client: 8, number: 1, ackedBelow: 1, body: creating(3) }])
  })

  it.each([
    ['known', executed, { kind: 'settled', call: 1, index: 33, outcome: executed }],
    ['not-executed', undefined, { kind: 'failed', call: 1, code: 'NOT_EXECUTED', executed: 'no' }],
    ['acknowledged', undefined, { kind: 'failed', call: 1, code: 'OUTCOME_UNKNOWN', executed: 'unknown' }],
    ['unknown', undefined, { kind: 'failed', call: 1, code: 'OUTCOME_UNKNOWN', executed: 'unknown' }],
    ['unknown', executed, { kind: 'failed', call: 1, code: 'OUTCOME_UNKNOWN', executed: 'unknown' }],
    ['known', undefined, { kind: 'failed', call: 1, code: 'OUTCOME_UNKNOWN', executed: 'unknown' }],
  ] as const)('tells the caller what an outcome that is %s means', (status, outcome, told) => {
    const bench = attachedBench()
    submitAll(bench, 1, 1)
    expireWith(bench)
    for (let i = 0; i < 2; i++) {
      bench.hear({ kind: 'answers', answers: [{ read: 1, answer: outcomeAnswer(status, outcome) }] })
    }
    expect(bench.answers).toEqual([told])
  })

  it('is unknown to the caller when the answer takes too long, and nothing is asked for who was told before', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1, 100)
    submitAll(bench, 2, 2, 1000)
    passAlive(bench, 100)
    expireWith(bench)
    expect(bench.sent().filter((message) => message.kind === 'read')).toMatchObject([{ read: 2 }])
    passAlive(bench, 1000)
    expect(bench.answers).toEqual([
      { kind: 'failed', call: 1, code: 'TIMEOUT', executed: 'unknown' },
      { kind: 'failed', call: 2, code: 'TIMEOUT', executed: 'unknown' },
    ])
    bench.hear({ kind: 'answers', answers: [{ read: 2, answer: outcomeAnswer('known', executed) }] })
    expect(bench.answers).toHaveLength(2)
  })

  it('takes with it what builds on a request of unknown outcome', () => {
    const bench = attachedBench(1)
    bench.submit(1)
    bench.submit(2, creating(2, 8, [1]))
    bench.turn()
    expireWith(bench)
    expect(bench.answers).toEqual([{ kind: 'failed', call: 2, code: 'NOT_AFTER', executed: 'no' }])
  })

  it('leaves its questions standing when the next registration ends too', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1)
    expireWith(bench)
    submitAll(bench, 2, 2)
    bench.pass(400)
    bench.refuse('EXPIRED')
    bench.connect()
    bench.welcome()
    bench.registered(9)
    bench.attached(1, 2, 9)
    bench.turn()
    expect(bench.sent().filter((message) => message.kind === 'read')).toMatchObject([
      { read: 1, query: { client: 7, number: 1 } },
      { read: 2, query: { client: 8, number: 1 } },
    ])
  })

  it('by another history leaves the outcome of what was numbered unknown, and only of that', () => {
    const bench = attachedBench(2)
    submitAll(bench, 1, 2)
    expireWith(bench)
    submitAll(bench, 3, 5)
    bench.query(6)
    bench.commands()
    bench.step({ kind: 'closed', link: bench.link, refused: false, reason: 'reset' })
    bench.pass(50)
    bench.connect()
    bench.refuseHistory('c', '00000000000000bb' as HistoryId)
    expect(bench.answers).toEqual(
      [1, 2, 3, 4].map((call) => ({ kind: 'failed', call, code: 'OTHER_HISTORY', executed: 'unknown' })),
    )
    bench.registered(7)
    bench.attached(1)
    bench.turn()
    const sent = bench.sent()
    expect(sent.map((message) => message.kind)).toEqual(['register', 'attach', 'requests', 'read'])
    expect(bench.events.filter((event) => event.kind === 'other-history')).toHaveLength(1)
  })

  it('by another history is seen even while there is no registration', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1)
    bench.refuse('EXPIRED')
    bench.connect()
    bench.refuseHistory('b', '00000000000000bb' as HistoryId)
    expect(bench.answers).toEqual([{ kind: 'failed', call: 1, code: 'OTHER_HISTORY', executed: 'unknown' }])
  })
})

describe('queries', () => {
  const absent: Answer = { kind: 'absent', index: 5 }

  it('are answered once', () => {
    const bench = attachedBench()
    bench.query(1)
    bench.query(2, { kind: 'barrier' })
    bench.turn()
    expect(bench.sent()).toEqual([
      { kind: 'read', read: 1, query: { kind: 'get', space: 's', key: 'k' } },
      { kind: 'read', read: 2, query: { kind: 'barrier' } },
    ])
    const barrier: Answer = { kind: 'barrier', index: 6 }
    bench.hear({ kind: 'answers', answers: [{ read: 2, answer: barrier }] })
    for (let i = 0; i < 2; i++) bench.hear({ kind: 'answers', answers: [{ read: 1, answer: absent }] })
    bench.hear({ kind: 'answers', answers: [{ read: 77, answer: absent }] })
    expect(bench.answers).toEqual([
      { kind: 'answered', call: 2, answer: barrier },
      { kind: 'answered', call: 1, answer: absent },
    ])
  })

  it('do not take an answer to another question', () => {
    const bench = attachedBench()
    bench.query(1)
    bench.turn()
    bench.hear({ kind: 'answers', answers: [{ read: 1, answer: { kind: 'barrier', index: 6 } }] })
    expect(bench.answers).toEqual([])
  })

  it('are asked again on the next link and whenever an answer is overdue', () => {
    const bench = attachedBench()
    bench.query(1)
    bench.turn()
    bench.query(2)
    bench.sent()
    bench.reattach(1)
    bench.turn()
    const reads = () => bench.sent().flatMap((message) => (message.kind === 'read' ? [message.read] : []))
    expect(reads()).toEqual([1, 2])
    bench.hear({ kind: 'answers', answers: [{ read: 1, answer: absent }] })
    bench.pass(499)
    expect(reads()).toEqual([])
    bench.pass(1)
    expect(reads()).toEqual([2])
    passAlive(bench, 1000)
    expect(reads()).toEqual([2, 2])
  })

  it('in flight and in waiting are bounded', () => {
    const bench = attachedBench(100, { limits: { requestsInFlightMax: 2, waitingCallsMax: 3 } })
    for (const call of [1, 2, 3, 4]) bench.query(call)
    bench.turn()
    expect(bench.sent()).toHaveLength(2)
    expect(bench.answers).toEqual([{ kind: 'failed', call: 4, code: 'BUSY', executed: 'no' }])
    bench.hear({ kind: 'answers', answers: [{ read: 1, answer: absent }] })
    bench.turn()
    expect(bench.sent()).toMatchObject([{ read: 3 }])
  })

  it('have no effect when they time out or are refused', () => {
    const bench = attachedBench()
    bench.query(1, { kind: 'barrier' }, 100)
    bench.query(2)
    bench.turn()
    bench.refuse('TOO_LARGE', '', 2)
    bench.pass(100)
    expect(bench.answers).toEqual([
      { kind: 'failed', call: 2, code: 'TOO_LARGE', executed: 'no' },
      { kind: 'failed', call: 1, code: 'TIMEOUT', executed: 'no' },
    ])
    expect(bench.closes).toEqual([])
  })
})

describe('closing', () => {
  it('takes no more calls, ends those under way and says goodbye', () => {
    const bench = attachedBench(1)
    submitAll(bench, 1, 2)
    bench.query(3)
    bench.step({ kind: 'close' })
    bench.submit(4)
    bench.query(5)
    expect(bench.answers).toEqual([
      { kind: 'failed', call: 4, code: 'CLOSED', executed: 'no' },
      { kind: 'failed', call: 5, code: 'CLOSED', executed: 'no' },
    ])
    bench.result(1)
    bench.turn()
    bench.result(2)
    expect(bench.isDone).toBe(false)
    bench.sent()
    bench.hear({ kind: 'answers', answers: [{ read: 3, answer: { kind: 'absent', index: 4 } }] })
    expect(bench.kinds()).toEqual(['goodbye'])
    expect(bench.closes).toEqual([{ link: 1, reason: 'done' }])
    expect(bench.isDone).toBe(true)
    expect(bench.machine.nextDeadline()).toBeUndefined()
    bench.submit(6)
    bench.turn()
    expect(bench.answers).toHaveLength(5)
  })

  it('is over at once when nothing is under way, and ends with the last timeout when nobody answers', () => {
    const idle = new Bench()
    idle.step({ kind: 'close' })
    expect(idle.isDone).toBe(true)
    const lonely = new Bench()
    lonely.submit(1, creating(1), 5000)
    lonely.step({ kind: 'close' })
    lonely.pass(4999)
    expect(lonely.isDone).toBe(false)
    lonely.pass(1)
    expect(lonely.answers).toEqual([{ kind: 'failed', call: 1, code: 'TIMEOUT', executed: 'no' }])
    expect(lonely.isDone).toBe(true)
  })

  it('does not wait for requests that nobody waits for', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1, 100)
    bench.step({ kind: 'close' })
    bench.pass(100)
    expect(bench.isDone).toBe(true)
  })
})

describe('the host', () => {
  it('must not use a call twice, nor a call without an end', () => {
    const bench = attachedBench()
    bench.submit(1)
    expect(() => bench.submit(1)).toThrow('under way')
    expect(() => new Bench().submit(1, creating(1), Number.POSITIVE_INFINITY)).toThrow('ends some time')
    expect(() => new Bench().query(-1)).toThrow('no such call')
  })

  it('may say anything late: a hello answered twice, a link long gone', () => {
    const bench = attachedBench()
    const server = 'a#0000000000000001' as ServerId
    bench.hear({ kind: 'welcome', protocol: 1, group, history, server, connection: 1 })
    bench.hear({ kind: 'registered', client: 9 as ClientIndex })
    expect(bench.closes).toEqual([])
    expect(bench.kinds()).toEqual([])
  })
})
