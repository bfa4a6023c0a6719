import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeDelta } from '../wire/delta-codec.ts'
import { decodeGraph, encodeGraph } from '../wire/graph-codec.ts'
import { deltas, graphs } from '../wire/value.contract.ts'
import {
  type Delta,
  type DeltaValue,
  type Graph,
  type GraphNode,
  type GraphValue,
  mapEntries,
  type Operation,
  ref,
  setItems,
} from '../wire/value.ts'
import { collectGarbage } from './collect.ts'
import { foldDocument } from './fold.ts'
import { applyDelta } from './graph-change.ts'
import { graphOf, set } from './state.contract.ts'

const bytesMax = 10_000
const root = { node: 'root' as const, path: [] }
const newRef = (position: number): DeltaValue => ({ kind: 'new', position })

function run(graph: Graph, operations: Operation[], nodes: Delta['nodes'] = []) {
  const results: Uint8Array[] = []
  const code = applyDelta(graph, { nodes, operations }, bytesMax, results)
  return { code, results: results.map((bytes) => decodeGraph(bytes)) }
}

const rootFields = (graph: Graph) => {
  const node = graph.nodes.get(0)
  return node?.kind === 'record' ? Object.fromEntries(node.fields) : undefined
}

const rootItems = (graph: Graph) => {
  const node = graph.nodes.get(0)
  return node?.kind === 'array' ? node.items : undefined
}

describe('operations on a graph', () => {
  test('set and delete fields, whatever their names', () => {
    const graph = graphOf({ a: 1, b: 2 })
    expect(run(graph, [set('__proto__', 5), set('b', 3), { kind: 'delete', ...root, name: 'a' }]).code).toBeUndefined()
    const node = graph.nodes.get(0)
    expect(node?.kind === 'record' && [...node.fields]).toEqual([
      ['b', 3],
      ['__proto__', 5],
    ])
  })

  test('change Maps by the value of their keys', () => {
    const graph: Graph = {
      root: ref(0),
      nodes: new Map([[0, { kind: 'map', entries: mapEntries<GraphValue>([[1, 'x']]) }]]),
      nextNode: 1,
    }
    const date = { kind: 'date', ms: 9 } as const
    run(graph, [
      { kind: 'map-set', ...root, key: -0, value: 'zero' },
      { kind: 'map-set', ...root, key: date, value: 'then' },
      { kind: 'map-set', ...root, key: { ...date }, value: 'now' },
      { kind: 'map-delete', ...root, key: 1 },
    ])
    expect(graph.nodes.get(0)).toEqual({
      kind: 'map',
      entries: mapEntries<GraphValue>([
        [0, 'zero'],
        [date, 'now'],
      ]),
    })
    run(graph, [{ kind: 'map-clear', ...root }])
    expect(graph.nodes.get(0)).toEqual({ kind: 'map', entries: new Map() })
  })

  test('change Sets by the value of their members', () => {
    const graph: Graph = { root: ref(0), nodes: new Map([[0, { kind: 'set', items: setItems([1, 2]) }]]), nextNode: 1 }
    run(graph, [
      { kind: 'set-add', ...root, value: 1 },
      { kind: 'set-add', ...root, value: 'x' },
      { kind: 'set-delete', ...root, value: 2 },
    ])
    expect(graph.nodes.get(0)).toEqual({ kind: 'set', items: setItems<GraphValue>([1, 'x']) })
    run(graph, [{ kind: 'set-clear', ...root }])
    expect(graph.nodes.get(0)).toEqual({ kind: 'set', items: new Map() })
  })

  test('add to numbers and bigints, from zero where there is nothing, and answer the sum', () => {
    const graph = graphOf({ n: 5, big: 2n })
    const { results } = run(graph, [
      { kind: 'increment', ...root, key: 'n', amount: -2 },
      { kind: 'increment', ...root, key: 'fresh', amount: 0.5 },
      { kind: 'increment', ...root, key: 'big', amount: 3n },
    ])
    expect(results.map((result) => result.root)).toEqual([3, 0.5, 5n])
    expect(rootFields(graph)).toEqual({ n: 3, fresh: 0.5, big: 5n })
    for (const amount of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(run(graph, [{ kind: 'increment', ...root, key: 'n', amount }]).code).toBe('BAD_OPERATION')
      expect(run(graph, [{ kind: 'increment', node: 77, path: [], key: 'n', amount }]).code).toBe('BAD_OPERATION')
    }
    expect(run(graph, [{ kind: 'increment', ...root, key: 'big', amount: 1 }]).code).toBe('BAD_OPERATION')
    expect(run(graphOf({ n: 'text' }), [{ kind: 'increment', ...root, key: 'n', amount: 1 }]).code).toBe(
      'BAD_OPERATION',
    )
  })

  test('append, take from both ends, splice, assign and set the length of arrays', () => {
    const graph = graphOf([1, 2, 3])
    const { results } = run(graph, [
      { kind: 'append', ...root, values: [4, 5] },
      { kind: 'take', ...root, end: 'front' },
      { kind: 'take', ...root, end: 'back' },
    ])
    expect(results.map((result) => result.root)).toEqual([1, 5])
    expect(rootItems(graph)).toEqual([2, 3, 4])
    run(graph, [{ kind: 'splice', ...root, index: 1, deleteCount: 1, values: ['x', 'y'] }])
    expect(rootItems(graph)).toEqual([2, 'x', 'y', 4])
    run(graph, [{ kind: 'splice', ...root, index: 99, deleteCount: 99, values: ['end'] }])
    expect(rootItems(graph)).toEqual([2, 'x', 'y', 4, 'end'])
    run(graph, [
      { kind: 'assign', ...root, index: 6, value: 7 },
      { kind: 'assign', ...root, index: 0, value: 0 },
    ])
    expect(rootItems(graph)).toEqual([0, 'x', 'y', 4, 'end', undefined, 7])
    run(graph, [{ kind: 'set-length', ...root, length: 1 }])
    expect(rootItems(graph)).toEqual([0])
    expect(run(graphOf([]), [{ kind: 'take', ...root, end: 'back' }]).results).toEqual([graphOf(undefined)])
  })

  test('answer a taken object as a graph of its own, with what it shares and its cycles', () => {
    const graph = graphOf([{ name: 'first' }, { name: 'other' }])
    run(graph, [set('self', ref(1), 1), set('friend', ref(2), 1)])
    const { results } = run(graph, [{ kind: 'take', ...root, end: 'front' }])
    const taken = results[0]
    expect(taken?.nodes.get(0)).toEqual({
      kind: 'record',
      fields: new Map<string, DeltaValue>([
        ['name', 'first'],
        ['self', ref(0)],
        ['friend', ref(1)],
      ]),
    })
    expect(taken?.nextNode).toBe(2)
    expect([...graph.nodes.keys()]).toEqual([0, 2])
  })

  test('give new nodes ids in order of appearance and never use one again', () => {
    const graph = graphOf({})
    const empty: GraphNode = { kind: 'array', items: [] }
    const nodes: Delta['nodes'] = [
      { kind: 'record', fields: new Map([['peer', newRef(1)]]) },
      { kind: 'record', fields: new Map([['peer', newRef(0)]]) },
    ]
    run(graph, [set('a', newRef(0))], nodes)
    expect([...graph.nodes.keys()]).toEqual([0, 1, 2])
    run(graph, [{ kind: 'delete', ...root, name: 'a' }])
    expect([...graph.nodes.keys()]).toEqual([0])
    run(graph, [set('b', newRef(0))], [empty])
    expect(graph.nodes.get(3)).toEqual(empty)
    expect(graph.nextNode).toBe(4)
  })

  test('do nothing to a node that is gone, but still give results', () => {
    const graph = graphOf({ a: {} })
    run(graph, [{ kind: 'delete', ...root, name: 'a' }])
    const before = encodeGraph(graph)
    const { code, results } = run(graph, [
      set('x', 1, 1),
      { kind: 'increment', node: 1, path: [], key: 'n', amount: 1 },
      { kind: 'take', node: 77, path: ['deep'], end: 'back' },
    ])
    expect(code).toBeUndefined()
    expect(results.map((result) => result.root)).toEqual([undefined, undefined])
    expect(encodeGraph(graph)).toEqual(before)
  })

  test('are refused GONE when they use a node that is gone, was never there, or gets its id only now', () => {
    const gone = graphOf({ a: {} })
    run(gone, [{ kind: 'delete', ...root, name: 'a' }])
    expect(run(gone, [set('b', ref(1))]).code).toBe('GONE')
    expect(run(graphOf({}), [{ kind: 'append', node: 'root', path: [], values: [ref(9)] }]).code).toBe('BAD_OPERATION')
    expect(run(graphOf([]), [{ kind: 'append', node: 'root', path: [], values: [ref(9)] }]).code).toBe('GONE')
    expect(run(graphOf({}), [set('b', ref(1))], [{ kind: 'array', items: [] }]).code).toBe('GONE')
    expect(run(graphOf({}), [], [{ kind: 'array', items: [ref(5)] }]).code).toBe('GONE')
  })

  test('may move a node within one delta', () => {
    const graph = graphOf({ a: { deep: 1 } })
    expect(run(graph, [{ kind: 'delete', ...root, name: 'a' }, set('b', ref(1))]).code).toBeUndefined()
    expect(rootFields(graph)).toEqual({ b: ref(1) })
  })

  test('follow a path of fields, indexes and keys, and are refused when it ends before', () => {
    const graph = graphOf({ list: [{ name: 'x' }] })
    expect(run(graph, [set('name', 'y', 'root', ['list', 0])]).code).toBeUndefined()
    expect(graph.nodes.get(2)).toEqual({ kind: 'record', fields: new Map([['name', 'y']]) })
    for (const path of [['list', 1], ['nothing'], ['list', 'name'], ['list', 0, 'name'], [0]]) {
      expect(run(graph, [set('name', 'z', 'root', path)]).code).toBe('NO_SUCH_PATH')
    }
    expect(run(graphOf(5), [set('a', 1, 'root', ['a'])]).code).toBe('NO_SUCH_PATH')
  })

  test('are refused on the wrong kind of node', () => {
    expect(run(graphOf([]), [set('a', 1)]).code).toBe('BAD_OPERATION')
    expect(run(graphOf(5), [set('a', 1)]).code).toBe('BAD_OPERATION')
    expect(run(graphOf({}), [{ kind: 'append', ...root, values: [] }]).code).toBe('BAD_OPERATION')
    expect(run(graphOf({}), [{ kind: 'map-clear', ...root }]).code).toBe('BAD_OPERATION')
    expect(run(graphOf({}), [{ kind: 'set-add', ...root, value: 1 }]).code).toBe('BAD_OPERATION')
  })

  test('replace the root, and then speak of the new one', () => {
    const graph = graphOf({ old: {} })
    run(
      graph,
      [{ kind: 'replace-root', ...root, value: newRef(0) }, set('a', 1)],
      [{ kind: 'record', fields: new Map() }],
    )
    expect(graph.root).toEqual(ref(2))
    expect([...graph.nodes]).toEqual([[2, { kind: 'record', fields: new Map([['a', 1]]) }]])
  })

  test('never fill an array beyond the size of a document, in one operation or many', () => {
    const long: Operation = { kind: 'set-length', ...root, length: 2 ** 50 }
    expect(run(graphOf([]), [long]).code).toBe('TOO_LARGE')
    expect(run(graphOf([]), [{ kind: 'assign', ...root, index: 2 ** 50, value: 1 }]).code).toBe('TOO_LARGE')
    const half: Operation = { kind: 'set-length', ...root, length: bytesMax / 2 + 1 }
    expect(run(graphOf([]), [half, { ...half, length: 0 }, half]).code).toBe('TOO_LARGE')
  })

  test('never give more results than a document may have bytes', () => {
    const graph = graphOf([{ text: 'x'.repeat(6000) }])
    run(graph, [{ kind: 'append', ...root, values: [ref(1)] }])
    expect(
      run(graph, [
        { kind: 'take', ...root, end: 'back' },
        { kind: 'take', ...root, end: 'back' },
      ]).code,
    ).toBe('TOO_LARGE')
  })

  test('leave a graph without garbage that survives its bytes, or refuse, whatever delta meets whatever graph', () => {
    let applied = 0
    fc.assert(
      fc.property(graphs, fc.array(deltas, { minLength: 1, maxLength: 3 }), (graph, sequence) => {
        for (const delta of sequence) {
          const results: Uint8Array[] = []
          if (applyDelta(graph, delta, bytesMax, results) !== undefined) return
          applied++
          const bytes = encodeGraph(graph)
          expect(decodeGraph(bytes)).toEqual(graph)
          collectGarbage(graph)
          expect(encodeGraph(graph)).toEqual(bytes)
          for (const result of results) expect(encodeGraph(decodeGraph(result))).toEqual(result)
        }
      }),
      { seed: 40, numRuns: 2000 },
    )
    expect(applied).toBeGreaterThan(500)
  })

  test('fold to the same as when each is applied to the decoded graph of the one before', () => {
    const names = fc.constantFrom('a', 'b', 'c')
    const plain = fc.oneof(
      fc.tuple(names, fc.integer()).map(([name, value]) => set(name, value)),
      names.map((name): Operation => ({ kind: 'delete', ...root, name })),
    )
    fc.assert(
      fc.property(fc.array(fc.array(plain, { maxLength: 4 }), { maxLength: 8 }), (sequence) => {
        const base = encodeGraph(graphOf({ a: { deep: 1 }, z: 'end' }))
        let bytes = base
        for (const operations of sequence) {
          const graph = decodeGraph(bytes)
          run(graph, operations)
          bytes = encodeGraph(graph)
        }
        const encoded = sequence.map((operations) => encodeDelta({ nodes: [], operations }))
        expect(encodeGraph(foldDocument(base, encoded))).toEqual(bytes)
      }),
      { seed: 41, numRuns: 200 },
    )
  })
})
