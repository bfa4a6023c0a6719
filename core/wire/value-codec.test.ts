import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter, Malformed } from '../lib/bytes.ts'
import { decodeDelta, encodeDelta } from './delta-codec.ts'
import { atomGraph, decodeGraph, encodeGraph } from './graph-codec.ts'
import { atoms, deltas, graphs } from './value.contract.ts'
import { type Atom, type Graph, type GraphNode, identityOf, mapEntries, ref, setItems } from './value.ts'

const runs = { seed: 30, numRuns: 400 }

function decodes(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    decode(bytes)
    return true
  } catch (error) {
    if (error instanceof Malformed) return false
    throw error
  }
}

const reencode = (bytes: Uint8Array) => encodeGraph(decodeGraph(bytes))

describe('the bytes of a graph', () => {
  test('give back every atom: lone surrogates, NaN, minus zero, bigints, invalid dates and all', () => {
    fc.assert(
      fc.property(atoms, (atom) => {
        expect(decodeGraph(encodeGraph(atomGraph(atom))).root).toEqual(atom)
      }),
      runs,
    )
    expect(Object.is(decodeGraph(encodeGraph(atomGraph(-0))).root, -0)).toBe(true)
  })

  test('give back every graph, with shared nodes, cycles, garbage and gaps between ids', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const bytes = encodeGraph(graph)
        expect(decodeGraph(bytes)).toEqual(graph)
        expect(reencode(bytes)).toEqual(bytes)
      }),
      runs,
    )
  })

  test('are equal for equal graphs, whatever the order in which their nodes were added', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const other: Graph = { ...graph, nodes: new Map([...graph.nodes].reverse()) }
        expect(encodeGraph(other)).toEqual(encodeGraph(graph))
      }),
      runs,
    )
  })

  test('differ when fields come in another order, for that can be seen', () => {
    const withFields = (fields: Map<string, Atom>): Graph => ({
      root: ref(0),
      nodes: new Map([[0, { kind: 'record', fields }]]),
      nextNode: 1,
    })
    const one = encodeGraph(
      withFields(
        new Map([
          ['a', 1],
          ['b', 2],
        ]),
      ),
    )
    const other = encodeGraph(
      withFields(
        new Map([
          ['b', 2],
          ['a', 1],
        ]),
      ),
    )
    expect(one).not.toEqual(other)
  })

  test('take a chain of a hundred thousand nodes without recursion', () => {
    const nodes = new Map<number, GraphNode>()
    for (let id = 0; id < 100_000; id++) nodes.set(id, { kind: 'array', items: id === 99_999 ? [] : [ref(id + 1)] })
    const bytes = encodeGraph({ root: ref(0), nodes, nextNode: 100_000 })
    expect(decodeGraph(bytes).nodes.size).toBe(100_000)
  })

  test('are refused as malformed, or are exactly those of the graph they decode to', () => {
    fc.assert(
      fc.property(
        graphs,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 }),
        (graph, flips) => {
          const bytes = encodeGraph(graph)
          for (const [at, byte] of flips) bytes[at % bytes.length] = byte
          if (decodes(decodeGraph, bytes)) expect(reencode(bytes)).toEqual(bytes)
        },
      ),
      { seed: 31, numRuns: 3000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        if (decodes(decodeGraph, bytes)) expect(reencode(bytes)).toEqual(bytes)
      }),
      { seed: 32, numRuns: 3000 },
    )
  })

  test('are refused when a reference finds no node, a field comes twice, or a claimed count is absurd', () => {
    const bytes = (write: (writer: ByteWriter) => void) => {
      const writer = new ByteWriter()
      write(writer)
      return writer.take()
    }
    const dangling: Graph = { root: ref(1), nodes: new Map([[0, { kind: 'array', items: [] }]]), nextNode: 2 }
    expect(decodes(decodeGraph, encodeGraph(dangling))).toBe(false)
    const twice = bytes((w) =>
      [16, 0, 1, 1, 0, 0, 2, 1, 97, 0, 1, 97, 0].forEach((byte) => {
        w.u8(byte)
      }),
    )
    expect(decodes(decodeGraph, twice)).toBe(false)
    const absurd = bytes((w) => {
      w.u8(1)
      w.uint(2 ** 40)
      w.uint(2 ** 39)
    })
    expect(decodes(decodeGraph, absurd)).toBe(false)
  })
})

describe('the bytes of a delta', () => {
  test('give back every delta', () => {
    fc.assert(
      fc.property(deltas, (delta) => {
        expect(decodeDelta(encodeDelta(delta))).toEqual(delta)
      }),
      runs,
    )
  })

  test('are refused as malformed, or decode to a delta that decodes to itself', () => {
    fc.assert(
      fc.property(deltas, fc.nat(), fc.nat({ max: 255 }), (delta, at, byte) => {
        const bytes = encodeDelta(delta)
        bytes[at % bytes.length] = byte
        if (!decodes(decodeDelta, bytes)) return
        const decoded = decodeDelta(bytes)
        expect(decodeDelta(encodeDelta(decoded))).toEqual(decoded)
      }),
      { seed: 33, numRuns: 3000 },
    )
  })
})

describe('the identity of keys', () => {
  test('is shared by equal atoms only', () => {
    fc.assert(
      fc.property(atoms, atoms, (a, b) => {
        const same = encodeGraph(atomGraph(a === 0 ? 0 : a)).join() === encodeGraph(atomGraph(b === 0 ? 0 : b)).join()
        expect(new Set([identityOf(a), identityOf(b)]).size).toBe(same ? 1 : 2)
      }),
      { seed: 34, numRuns: 3000 },
    )
  })

  test('takes minus zero for zero, a date for an equal one, and no text for an object', () => {
    const items = setItems<Atom>([
      0,
      -0,
      '0',
      { kind: 'date', ms: 5 },
      { kind: 'date', ms: 5 },
      '\0d5',
      Number.NaN,
      Number.NaN,
    ])
    expect([...items.values()]).toEqual([0, '0', { kind: 'date', ms: 5 }, '\0d5', Number.NaN])
    expect(
      mapEntries<Atom>([
        [-0, 'a'],
        [0, 'b'],
      ]).get(0),
    ).toEqual({ key: 0, value: 'b' })
  })
})
