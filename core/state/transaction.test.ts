import { describe, expect, test } from 'vitest'
import { Malformed } from '../lib/bytes.ts'
import type { Outcome } from '../wire/command.ts'
import { decodeGraph } from '../wire/graph-codec.ts'
import type { Operation } from '../wire/value.ts'
import { ReplicatedState } from './replicated-state.ts'
import { Bench, change, create, graphOf, remove, set } from './state.contract.ts'

const done: Outcome = { kind: 'executed', results: [] }
const refusedWith = (code: string, write = 0) => ({ kind: 'refused', code, write })
const append = (...values: number[]): Operation => ({ kind: 'append', node: 'root', path: [], values })
const increment = (key: string): Operation => ({ kind: 'increment', node: 'root', path: [], key, amount: 1 })
const assign: Operation = { kind: 'assign', node: 'root', path: [], index: 0, value: 'x' }

function rootsOf(outcome: Outcome): unknown[] {
  return outcome.kind === 'executed' ? outcome.results.map((bytes) => decodeGraph(bytes).root) : [outcome.kind]
}

describe('a transaction', () => {
  test('creates, changes and deletes documents, each at the version of its entry', () => {
    const bench = new Bench()
    expect(bench.transact([create('a', graphOf({ n: 1 }))])).toEqual(done)
    expect(bench.state.answer({ kind: 'get', space: 's', key: 'a' })).toMatchObject({ birth: 2, version: 2 })
    expect(bench.transact([change('a', [set('m', 2)])])).toEqual(done)
    expect(bench.state.answer({ kind: 'get', space: 's', key: 'a' })).toMatchObject({ birth: 2, version: 3 })
    expect(bench.plain('a')).toEqual({ n: 1, m: 2 })
    expect(bench.transact([remove('a', 2)])).toEqual(done)
    expect(bench.state.answer({ kind: 'get', space: 's', key: 'a' })).toEqual({ kind: 'absent', index: 4 })
    bench.state.checkEverything()
  })

  test('is refused when a document is there that it creates, or not there, or born anew, that it changes', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({}))])
    expect(bench.transact([create('a', graphOf({}))])).toEqual(refusedWith('EXISTS'))
    expect(bench.transact([change('b', [set('m', 2)])])).toEqual(refusedWith('GONE'))
    expect(bench.transact([change('a', [set('m', 2)], [], 1)])).toEqual(refusedWith('GONE'))
    expect(bench.transact([remove('a', 1)])).toEqual(refusedWith('GONE'))
    expect(bench.transact([change('a', [set('m', 2)], [], 2)])).toEqual(done)
  })

  test('is refused when a document or a space that it read has changed since, and when an absent one is there', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({})), create('b', graphOf({}))])
    const write = [change('b', [set('x', 1)])]
    const read = (key: string | undefined, version: number) => [{ space: 's', key, version }]
    expect(bench.transact(write, read('a', 1))).toEqual(refusedWith('CONFLICT', 1))
    expect(bench.transact(write, [...read('a', 2), ...read('a', 0)])).toEqual(refusedWith('CONFLICT', 2))
    expect(bench.transact(write, [...read('a', 2), ...read('z', 0), ...read(undefined, 2)])).toEqual(done)
    bench.transact([create('c', graphOf({}))])
    expect(bench.transact(write, read(undefined, 2))).toEqual(refusedWith('CONFLICT', 1))
    expect(bench.transact([], [{ space: 'never', key: undefined, version: 0 }])).toEqual(done)
  })

  test('sees its own earlier writes, and several to one document work in order', () => {
    const bench = new Bench()
    const outcome = bench.transact([
      create('a', graphOf({ n: 1 })),
      change('a', [increment('n')]),
      remove('a'),
      create('a', graphOf({ n: 10 })),
      change('a', [increment('n')]),
    ])
    expect(rootsOf(outcome)).toEqual([2, 11])
    expect(bench.plain('a')).toEqual({ n: 11 })
    expect(bench.transact([create('b', graphOf([])), remove('b'), remove('b')])).toEqual(refusedWith('GONE', 2))
    expect(bench.transact(Array.from({ length: 20 }, (_, i) => create(`k${i % 19}`, graphOf(i))))).toEqual(
      refusedWith('EXISTS', 19),
    )
    bench.state.checkEverything()
  })

  test('changes nothing at all when any of its writes is refused', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({ n: 1, list: [] })), create('b', graphOf({}))])
    const before = [bench.graph('a'), bench.graph('b'), bench.state.documentCount]
    const attempts = [
      [change('a', [set('n', 2)]), change('missing', [set('n', 2)])],
      [change('a', [increment('n')]), remove('b'), create('c', graphOf({})), change('a', [append(1)])],
      [remove('a'), create('b', graphOf({}))],
      [change('a', [set('n', 2), set('x', 1, 'root', ['nowhere'])])],
      [change('a', [set('n', { kind: 'ref', ref: 55 })])],
      [remove('a'), { kind: 'create' as const, space: 's', key: 'c', value: Uint8Array.of(99) }],
      [remove('a'), { kind: 'change' as const, space: 's', key: 'b', birth: 0, delta: Uint8Array.of(99) }],
    ]
    const codes = attempts
      .map((writes) => bench.transact(writes))
      .map((o) => (o.kind === 'refused' ? `${o.code} ${o.write}` : o.kind))
    expect(codes).toEqual([
      'GONE 1',
      'BAD_OPERATION 3',
      'EXISTS 1',
      'NO_SUCH_PATH 0',
      'GONE 0',
      'BAD_OPERATION 1',
      'BAD_OPERATION 1',
    ])
    expect([bench.graph('a'), bench.graph('b'), bench.state.documentCount]).toEqual(before)
    bench.state.checkEverything()
  })

  test('may change positions only in a document that it read or created', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf([1]))])
    expect(bench.transact([change('a', [assign])])).toEqual(refusedWith('BAD_OPERATION'))
    expect(bench.transact([change('a', [assign])], [{ space: 's', key: 'b', version: 0 }])).toEqual(
      refusedWith('BAD_OPERATION'),
    )
    expect(bench.transact([change('a', [assign])], [{ space: 's', key: 'a', version: 2 }])).toEqual(done)
    expect(bench.transact([create('b', graphOf([1])), change('b', [assign])])).toEqual(done)
    expect(bench.plain('b')).toEqual(['x'])
  })

  test('is refused when an earlier request that it builds on was refused, cancelled or is not known any more', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({}))])
    bench.transact([create('a', graphOf({}))])
    expect(bench.transact([], [], [1])).toEqual(done)
    expect(bench.transact([], [], [1, 2])).toEqual(refusedWith('NOT_AFTER', 1))
    expect(bench.transact([], [], [5])).toEqual(refusedWith('NOT_AFTER'))
    bench.apply(bench.request({}, bench.nextNumber++, 4))
    expect(bench.transact([], [], [1])).toEqual(refusedWith('NOT_AFTER'))
  })

  test('is refused when a document would exceed its size, measured after garbage is gone', () => {
    const bench = new Bench({ documentBytesMax: 200 })
    expect(bench.transact([create('a', graphOf('x'.repeat(300)))])).toEqual(refusedWith('TOO_LARGE'))
    bench.transact([create('a', graphOf({ big: { text: 'x'.repeat(100) } }))])
    expect(bench.transact([change('a', [set('b', 'y'.repeat(80))])])).toEqual(refusedWith('TOO_LARGE'))
    expect(
      bench.transact([change('a', [set('b', 'y'.repeat(80)), { kind: 'delete', node: 0, path: [], name: 'big' }])]),
    ).toEqual(done)
    expect(bench.plain('a')).toEqual({ b: 'y'.repeat(80) })
    for (let i = 0; i < 30; i++) expect(bench.transact([change('a', [set('b', 'z'.repeat(80))])])).toEqual(done)
    bench.state.checkEverything()
  })

  test('is refused when the key or the space of any write is too long, in bytes of UTF-8', () => {
    const bench = new Bench()
    const fits = 'é'.repeat(512)
    expect(bench.transact([create(fits, graphOf(1), fits)])).toEqual(done)
    expect(bench.transact([create('k', graphOf(1)), create(`${fits}x`, graphOf(1))])).toEqual(
      refusedWith('TOO_LARGE', 1),
    )
    expect(bench.transact([create('k', graphOf(1), `${fits}x`)])).toEqual(refusedWith('TOO_LARGE'))
    expect(bench.transact([remove(`${fits}x`)])).toEqual(refusedWith('TOO_LARGE'))
    expect(bench.transact([change(`${fits}x`, [])])).toEqual(refusedWith('TOO_LARGE'))
    expect(bench.state.documentCount).toBe(1)
    const small = ReplicatedState.restorer({ keyBytesMax: 1023 })
    expect(() => {
      for (const chunk of bench.state.view().chunks(10_000)) small.push(chunk)
    }).toThrow(Malformed)
  })

  test('forgets the version of a space with its last document, as that of an absent document', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({}))])
    const list = { kind: 'list', space: 's', after: undefined, limit: 10 } as const
    expect(bench.state.answer(list)).toEqual({ kind: 'listing', index: 2, version: 2, keys: ['a'], more: false })
    bench.transact([remove('a')])
    expect(bench.state.answer(list)).toEqual({ kind: 'listing', index: 3, version: 0, keys: [], more: false })
    bench.state.checkEverything()
  })
})

describe('a document', () => {
  const deltasOf = (bench: Bench) => {
    const answer = bench.state.answer({ kind: 'get', space: 's', key: 'a' })
    return answer.kind === 'document' ? answer.deltas.length : -1
  }

  test('keeps small deltas beside its bytes and takes them in after a number of them, or when they outgrow it', () => {
    const bench = new Bench({ deltasMax: 4, deltaBytesMin: 50 })
    bench.transact([create('a', graphOf({ n: 0 }))])
    const small = () => bench.transact([change('a', [set('n', 1)])])
    const counts = [1, 2, 3, 4, 5].map(() => [small().kind, deltasOf(bench)])
    expect(counts.map(([, count]) => count)).toEqual([1, 2, 3, 0, 1])
    bench.transact([change('a', [set('n', 'x'.repeat(60))])])
    expect(deltasOf(bench)).toBe(0)
    small()
    bench.transact([change('a', [increment('n')])])
    expect(deltasOf(bench)).toBe(0)
    expect(bench.plain('a')).toEqual({ n: 2 })
  })

  test('is looked at before it takes a change of any node but its root', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf({ list: [], child: {} }))])
    expect(bench.transact([change('a', [set('x', 1, 1)])])).toEqual(refusedWith('BAD_OPERATION'))
    expect(bench.transact([change('a', [set('x', 1, 'root', ['child'])])])).toEqual(done)
    expect(bench.transact([change('a', [set('x', 1, 2), set('y', 1, 99)])])).toEqual(done)
    expect(bench.plain('a')).toEqual({ list: [], child: { x: 1 } })
    expect(deltasOf(bench)).toBe(0)
  })

  test('counts as created when one transaction deletes it and creates it again', () => {
    const bench = new Bench()
    bench.transact([create('a', graphOf(1)), create('b', graphOf(1))])
    bench.transact([change('b', []), remove('a'), create('a', graphOf(2))])
    const answer = bench.state.answer({ kind: 'list', space: 's', after: undefined, limit: 9 })
    expect(answer).toMatchObject({ version: 3, keys: ['a', 'b'] })
    expect(bench.transact([change('a', [], [], 2)])).toEqual(refusedWith('GONE'))
    bench.state.checkEverything()
  })
})
