import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Outcome } from '../wire/command.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import { encodeGraph } from '../wire/graph-codec.ts'
import type { ClientIndex, HistoryId } from '../wire/ids.ts'
import type { Operation } from '../wire/value.ts'
import { ReplicatedState } from './replicated-state.ts'
import { Bench, change, create, graphOf, remove, set } from './state.contract.ts'

const done: Outcome = { kind: 'executed', results: [] }
const append = (...values: number[]): Operation => ({ kind: 'append', node: 'root', path: [], values })
const increment = (key: string): Operation => ({ kind: 'increment', node: 'root', path: [], key, amount: 1 })

describe('a request', () => {
  test('gets the same result however often it arrives, and has one effect', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({ n: 0 }))])
    const payload = bench.request({ writes: [change('a', [increment('n')])] })
    const first = bench.apply(payload)
    const touch = bench.state.client(bench.client)?.touch ?? 0
    expect(bench.apply(payload)).toEqual(first)
    expect(bench.apply(payload)).toEqual(first)
    expect(bench.plain('a')).toEqual({ n: 1 })
    expect(bench.state.client(bench.client)).toMatchObject({ last: 2, touch: touch + 2 })
  })

  test('has no effect ahead of its turn', () => {
    const bench = new Bench()
    const applied = bench.apply(bench.request({ writes: [create('a', graphOf(1))] }, 2))
    expect(applied).toEqual({ kind: 'out-of-order', client: bench.client, expected: 1 })
    expect(bench.state.documentCount).toBe(0)
    expect(bench.state.client(bench.client)).toMatchObject({ last: 0, touch: 0 })
  })

  test('and its cancellation exclude one another: whichever comes first in the log counts', () => {
    const bench = new Bench()
    const cancel = (number: number) =>
      encodeCommand({ kind: 'request', client: bench.client, number, ackedBelow: 1, body: { kind: 'cancel' } })
    const payload = bench.request({ writes: [create('a', graphOf(1))] }, 1)
    bench.apply(cancel(1))
    expect(bench.apply(payload)).toMatchObject({
      kind: 'result',
      number: 1,
      result: { outcome: { kind: 'cancelled' } },
    })
    expect(bench.state.documentCount).toBe(0)
    bench.apply(bench.request({ writes: [create('a', graphOf(1))] }, 2))
    expect(bench.apply(cancel(2))).toMatchObject({ kind: 'result', number: 2, result: { outcome: done } })
  })

  test('acknowledges results, which are then forgotten and never executed again', () => {
    const bench = new Bench()
    for (let i = 0; i < 200; i++) bench.transact([])
    expect(bench.state.results(bench.client, 1).map((r) => r.number)).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1),
    )
    bench.apply(bench.request({}, 201, 150))
    expect(bench.state.results(bench.client, 1)[0]?.number).toBe(150)
    expect(bench.state.results(bench.client, 199).map((r) => [r.number, r.index])).toEqual([
      [199, 200],
      [200, 201],
      [201, 202],
    ])
    expect(bench.apply(bench.request({}, 149))).toEqual({ kind: 'none' })
    expect(bench.apply(bench.request({}, 150))).toMatchObject({ kind: 'result', number: 150 })
    expect(bench.apply(bench.request({}, 202, 999))).toMatchObject({ kind: 'result', number: 202 })
    expect(bench.state.client(bench.client)).toMatchObject({ last: 202, ackedBelow: 202, resultBytes: 16 })
    bench.state.checkEverything()
  })

  test('of a client that is not registered has no effect', () => {
    const bench = new Bench()
    bench.client = 99 as ClientIndex
    expect(bench.apply(bench.request({ writes: [create('a', graphOf(1))] }))).toEqual({ kind: 'none' })
    expect(bench.state.documentCount).toBe(0)
  })
})

describe('a client', () => {
  test('is registered once for each nonce, under the index of the entry, up to a number', () => {
    const bench = new Bench({ clientsMax: 2 })
    expect(bench.client).toBe(1)
    expect(bench.register(7)).toBe(1)
    expect(bench.state.client(bench.client)?.touch).toBe(1)
    expect(bench.register(8)).toBe(3)
    const third = encodeCommand({ kind: 'register', nonce: new Uint8Array(16) })
    expect(bench.apply(third)).toMatchObject({ kind: 'refused-registration', code: 'TOO_MANY_CLIENTS' })
    expect([...bench.state.clients()].map(([client, { touch }]) => [client, touch])).toEqual([
      [1, 1],
      [3, 0],
    ])
  })

  test('is expired only if it did nothing since, and then its requests have no effect', () => {
    const bench = new Bench()
    bench.transact([])
    const expire = (touch: number) => encodeCommand({ kind: 'expire', clients: [{ client: bench.client, touch }] })
    expect(bench.apply(expire(0))).toEqual({ kind: 'expired', clients: [] })
    expect(bench.apply(expire(1))).toEqual({ kind: 'expired', clients: [bench.client] })
    expect(bench.state.client(bench.client)).toBeUndefined()
    expect(bench.apply(bench.request({ writes: [create('a', graphOf(1))] }))).toEqual({ kind: 'none' })
    expect(bench.register(7)).toBe(6)
    bench.state.checkEverything()
  })

  test('leaves what became of its requests for an hour of cluster time, and no longer', () => {
    const bench = new Bench({ tombstonesDroppedMax: 1 })
    const { client } = bench
    const ask = (number: number) => {
      const answer = bench.state.answer({ kind: 'outcome', client, number })
      return answer.kind === 'outcome' ? [answer.status, answer.at, answer.outcome?.kind] : answer.kind
    }
    bench.transact([])
    bench.transact([create('a', graphOf(1))])
    bench.transact([create('a', graphOf(1))])
    bench.apply(bench.request({}, 4, 2))
    expect([1, 2, 3, 4, 5].map(ask)).toEqual([
      ['acknowledged', 0, undefined],
      ['known', 3, 'executed'],
      ['known', 4, 'refused'],
      ['known', 5, 'executed'],
      ['unknown', 0, undefined],
    ])
    bench.apply(encodeCommand({ kind: 'expire', clients: [{ client, touch: 4 }] }))
    expect([1, 3, 5].map(ask)).toEqual([
      ['acknowledged', 0, undefined],
      ['known', 4, 'refused'],
      ['not-executed', 0, undefined],
    ])
    bench.stampMs += 3_600_000 - 1
    bench.apply(encodeCommand({ kind: 'clock' }))
    expect(ask(5)).toEqual(['not-executed', 0, undefined])
    bench.stampMs += 1
    bench.state.noteApplied(bench.state.appliedIndex + 1, bench.stampMs)
    expect(ask(5)).toEqual(['unknown', 0, undefined])
    bench.state.checkEverything()
  })

  test('leaves no more than a bounded number of tombstones: the oldest goes first', () => {
    const bench = new Bench({ tombstonesMax: 2 })
    const clients = [bench.register(1), bench.register(2), bench.register(3)]
    bench.apply(
      encodeCommand({ kind: 'expire', clients: [...clients].reverse().map((client) => ({ client, touch: 0 })) }),
    )
    const status = clients.map((client) => bench.state.answer({ kind: 'outcome', client, number: 1 }))
    expect(status.map((answer) => answer.kind === 'outcome' && answer.status)).toEqual([
      'unknown',
      'not-executed',
      'not-executed',
    ])
    expect(bench.state.tombstoneCount).toBe(2)
  })
})

describe('tombstones', () => {
  const expire = (client: ClientIndex) => encodeCommand({ kind: 'expire', clients: [{ client, touch: 0 }] })

  test('go, the oldest first, when they and their results take more than a number of bytes, also in a restore', () => {
    const limits = { tombstoneBytesMax: 3000 }
    const bench = new Bench(limits)
    bench.transact([create('a', graphOf({ n: 0, items: ['x'.repeat(900), 'y'.repeat(900), 'z'.repeat(900)] }))])
    const ended: ClientIndex[] = []
    const end = () => {
      ended.push(bench.client)
      const touch = bench.state.client(bench.client)?.touch ?? 0
      bench.apply(encodeCommand({ kind: 'expire', clients: [{ client: bench.client, touch }] }))
      bench.state.checkEverything()
    }
    const left = () =>
      ended.filter((client) => {
        const answer = bench.state.answer({ kind: 'outcome', client, number: 1 })
        return answer.kind === 'outcome' && answer.status === 'known'
      })
    end()
    for (const nonce of [11, 12, 13]) {
      bench.client = bench.register(nonce)
      bench.nextNumber = 1
      bench.transact([change('a', [{ kind: 'take', node: 'root', path: ['items'], end: 'front' }])])
      const restorer = ReplicatedState.restorer(limits)
      for (const chunk of bench.state.view().chunks(100)) restorer.push(chunk)
      const before = bench.state
      const digest = () => {
        end()
        return bench.state.digest()
      }
      bench.state = restorer.finish()
      const restored = digest()
      ended.pop()
      bench.state = before
      expect(digest()).toBe(restored)
    }
    expect(left()).toEqual(ended.slice(2))
  })

  test('go in the order in which they came, a bounded number for each entry, also after a restore', () => {
    const limits = { tombstonesMax: 3, tombstonesDroppedMax: 2 }
    const bench = new Bench(limits)
    const clients = [1, 2, 3, 4].map((nonce) => bench.register(nonce))
    const [a, b, c, d] = clients as [ClientIndex, ClientIndex, ClientIndex, ClientIndex]
    for (const client of [c, a, b]) bench.apply(expire(client))
    const restorer = ReplicatedState.restorer(limits)
    for (const chunk of bench.state.view().chunks(100)) restorer.push(chunk)
    bench.state = restorer.finish()
    const left = () => {
      const kept = (client: ClientIndex) => {
        const answer = bench.state.answer({ kind: 'outcome', client, number: 1 })
        return answer.kind === 'outcome' && answer.status === 'not-executed'
      }
      return clients.filter(kept)
    }
    bench.apply(expire(d))
    expect(left()).toEqual([a, b, d])
    bench.stampMs += 3_600_000
    bench.apply(encodeCommand({ kind: 'clock' }))
    expect(left()).toEqual([d])
    bench.apply(encodeCommand({ kind: 'clock' }))
    expect(left()).toEqual([])
  })
})

describe('the state', () => {
  test('starts a history, and another one without the clients of the first but with its documents', () => {
    const state = new ReplicatedState()
    const found = (history: string) => encodeCommand({ kind: 'found', history: history as HistoryId, servers: 'a b c' })
    expect(state.apply(1, 0, found('00000000000000aa'))).toEqual({ kind: 'found', history: '00000000000000aa' })
    expect(state.apply(2, 0, found('00000000000000aa'))).toEqual({ kind: 'invalid' })
    const bench = new Bench()
    bench.transact([create('a', graphOf(1))])
    bench.apply(found('00000000000000bb'))
    expect([bench.state.history, bench.state.servers]).toEqual(['00000000000000bb', 'a b c'])
    expect([bench.state.clientCount, bench.state.documentCount]).toEqual([0, 1])
    bench.state.checkEverything()
  })

  test('follows cluster time, which never goes back, and takes entries one by one', () => {
    const state = new ReplicatedState()
    state.noteApplied(1, 500)
    state.apply(2, 700, encodeCommand({ kind: 'clock' }))
    expect([state.appliedIndex, state.clockMs]).toEqual([2, 700])
    expect(() => state.noteApplied(3, 699)).toThrow('cluster time goes back')
    expect(() => state.noteApplied(4, 700)).toThrow('entry 4 applied after 2')
  })

  test('lists keys in order of code units, in pages bounded by number and bytes', () => {
    const bench = new Bench({ listKeysMax: 3, listBytesMax: 100 })
    const keys = ['', 'B', 'a', '\ud83d\ude00', '\uffff', 'x'.repeat(200)]
    for (const key of keys) bench.transact([create(key, graphOf(1)), create('other', graphOf(1), `${key}t`)])
    const page = (after: string | undefined, limit: number) => {
      const answer = bench.state.answer({ kind: 'list', space: 's', after, limit })
      return answer.kind === 'listing' ? [answer.keys, answer.more] : answer.kind
    }
    expect(page(undefined, 2)).toEqual([['', 'B'], true])
    expect(page('B', 100)).toEqual([['a'], true])
    expect(page('a', 100)).toEqual([['x'.repeat(200)], true])
    expect(page('x'.repeat(200), 100)).toEqual([['\ud83d\ude00', '\uffff'], false])
    expect(page('\uffff', 1)).toEqual([[], false])
    expect(page(undefined, 0)).toEqual([[], true])
  })

  test('never throws and never loses count, whatever bytes a payload has', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({ n: 1, list: [1, { x: 1 }] }))])
    const payloads = [
      bench.request(
        { writes: [change('a', [increment('n'), append(1)])], reads: [{ space: 's', key: 'a', version: 2 }] },
        2,
      ),
      bench.request({ writes: [create('b', graphOf({ deep: [1] })), remove('a')], after: [1] }, 2),
    ]
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc
            .tuple(fc.constantFrom(...payloads), fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }))
            .map(([payload, flips]) => {
              const copy = payload.slice()
              for (const [at, byte] of flips) copy[at % copy.length] = byte
              return copy
            }),
        ),
        (payload) => {
          bench.apply(payload)
        },
      ),
      { seed: 50, numRuns: 3000 },
    )
    bench.state.checkEverything()
    expect(bench.state.appliedIndex).toBe(3002)
  })

  test('comes to the same document whatever the order of requests that merge', () => {
    const operations: Operation[] = [
      set('a', 1),
      set('b', { kind: 'date', ms: 1 }),
      { kind: 'delete', node: 'root', path: [], name: 'gone' },
      increment('n'),
      { kind: 'set-add', node: 1, path: [], value: 'x' },
      { kind: 'set-delete', node: 1, path: [], value: 'y' },
    ]
    const start = graphOf({ a: 0, b: 0, gone: 0, n: 0, members: [] })
    start.nodes.set(1, {
      kind: 'set',
      items: new Map([
        ['y', 'y'],
        ['z', 'z'],
      ]),
    })
    const contents = new Set<string>()
    fc.assert(
      fc.property(fc.shuffledSubarray(operations, { minLength: operations.length }), (order) => {
        const bench = new Bench()
        bench.transact([create('a', start)])
        for (const operation of order) expect(bench.transact([change('a', [operation])]).kind).toBe('executed')
        const graph = bench.graph('a')
        contents.add(graph === undefined ? 'absent' : encodeGraph(graph).join())
      }),
      { seed: 51, numRuns: 60 },
    )
    expect(contents.size).toBe(1)
  })
})
