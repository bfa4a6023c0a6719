import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeDelta, encodeDelta } from './delta-codec.ts'
import { isSurelyPlain } from './plain-delta.ts'
import { deltas } from './value.contract.ts'
import { type DeltaValue, isAtom, nodeKinds, type Operation, ref } from './value.ts'

const root = { node: 'root', path: [] } as const
const kinds = [...nodeKinds, 'atom'] as const

function sure(operation: Operation, rootKind: (typeof kinds)[number], rootNode = 0): boolean {
  return isSurelyPlain(encodeDelta({ nodes: [], operations: [operation] }), rootNode, rootKind)
}

const set = (value: DeltaValue): Operation => ({ ...root, kind: 'set', name: 'näme', value })

describe('a delta that is surely plain', () => {
  test('decodes, and does nothing but change its root node with atoms', () => {
    let plain = 0
    fc.assert(
      fc.property(deltas, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), fc.constantFrom(...kinds), fc.nat(3), check),
      { seed: 35, numRuns: 20_000 },
    )
    function check(
      delta: Parameters<typeof encodeDelta>[0],
      at: number,
      byte: number,
      isSpoilt: boolean,
      rootKind: (typeof kinds)[number],
      rootNode: number,
    ) {
      const bytes = encodeDelta(delta)
      if (isSpoilt) bytes[at % bytes.length] = byte
      if (!isSurelyPlain(bytes, rootNode, rootKind)) return
      plain++
      const { nodes, operations } = decodeDelta(bytes)
      expect(nodes).toEqual([])
      for (const operation of operations) expect(isHarmless(operation, rootNode, rootKind)).toBe(true)
    }
    expect(plain).toBeGreaterThan(300)
  })

  test.each<DeltaValue>([undefined, null, true, 0, 2 ** 40, -7, 0.5, Number.NaN, '', 'text', 'tëxt \u{1f600} \ud800'])(
    'may use %j',
    (value) => {
      expect(sure(set(value), 'record')).toBe(true)
      expect(sure(set(value), 'instance')).toBe(true)
      expect(sure({ ...root, kind: 'map-set', key: value, value }, 'map')).toBe(true)
      expect(sure({ ...root, kind: 'set-add', value }, 'set')).toBe(true)
      expect(sure({ ...root, kind: 'append', values: [value, value] }, 'array')).toBe(true)
    },
  )

  test('may name the root by its id', () => {
    expect(sure({ ...set(1), node: 4 }, 'record', 4)).toBe(true)
    expect(sure({ ...set(1), node: 3 }, 'record', 4)).toBe(false)
  })

  test('uses no other values, has no path and fits the kind of the root', () => {
    expect(sure(set(ref(0)), 'record')).toBe(false)
    expect(sure(set({ kind: 'date', ms: 1 }), 'record')).toBe(false)
    expect(sure({ ...set(1), path: ['x'] }, 'record')).toBe(false)
    expect(sure(set(1), 'map')).toBe(false)
    expect(sure(set(1), 'atom', -1)).toBe(false)
    expect(sure({ ...root, kind: 'increment', key: 'n', amount: 1 }, 'record')).toBe(false)
    expect(sure({ ...root, kind: 'splice', index: 0, deleteCount: 0, values: [] }, 'array')).toBe(false)
  })

  test('has no byte too few or too many, and no text that is not UTF-8', () => {
    const bytes = encodeDelta({ nodes: [], operations: [set('text')] })
    for (let length = 0; length < bytes.length; length++) {
      expect(isSurelyPlain(bytes.subarray(0, length), 0, 'record')).toBe(false)
    }
    expect(isSurelyPlain(Uint8Array.of(...bytes, 0), 0, 'record')).toBe(false)
    const last = bytes.length - 1
    expect(isSurelyPlain(bytes.with(last, 0xff), 0, 'record')).toBe(false)
    expect(isSurelyPlain(bytes.with(last, 0xc3), 0, 'record')).toBe(false)
  })
})

/** Said again in other words: what a delta that is kept undecoded may consist of. */
function isHarmless(operation: Operation, rootNode: number, rootKind: (typeof kinds)[number]): boolean {
  if (operation.path.length > 0 || (operation.node !== 'root' && operation.node !== rootNode)) return false
  switch (operation.kind) {
    case 'set':
      return (rootKind === 'record' || rootKind === 'instance') && isAtom(operation.value)
    case 'delete':
      return rootKind === 'record' || rootKind === 'instance'
    case 'map-set':
      return rootKind === 'map' && isAtom(operation.key) && isAtom(operation.value)
    case 'map-delete':
      return rootKind === 'map' && isAtom(operation.key)
    case 'map-clear':
      return rootKind === 'map'
    case 'set-add':
    case 'set-delete':
      return rootKind === 'set' && isAtom(operation.value)
    case 'set-clear':
      return rootKind === 'set'
    case 'append':
      return rootKind === 'array' && operation.values.every(isAtom)
    default:
      return false
  }
}
