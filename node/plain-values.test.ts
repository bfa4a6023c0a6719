import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeGraph, encodeGraph } from '../core/wire/graph-codec.ts'
import { NotShareableError } from './errors.ts'
import { reverseElements } from './plain-atoms.ts'
import { graphOf, plainOf } from './plain-values.ts'

function roundTrip(value: unknown): unknown {
  return plainOf(decodeGraph(encodeGraph(graphOf(value))))
}

function pathsOf(value: unknown): readonly string[] {
  try {
    graphOf(value)
  } catch (error) {
    if (error instanceof NotShareableError) return error.paths
    throw error
  }
  return []
}

const binary = fc.oneof(
  fc.uint8Array().map((bytes) => bytes.slice().buffer),
  fc.uint8Array().map((bytes) => new DataView(bytes.slice().buffer)),
  fc.uint8Array(),
  fc.uint8ClampedArray(),
  fc.int8Array(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
)

const plain = fc.letrec<{ readonly tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    fc.anything({ maxDepth: 0, withBigInt: true }),
    fc.oneof(fc.double(), fc.constant(-0), fc.string({ unit: 'binary' }), fc.date({ noInvalidDate: true })),
    binary,
    fc.constantFrom(/a\/b/giu, new URL('https://example.net/a?b=c#d'), new RangeError('too far'), new Error()),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '')), tie('tree'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc.array(fc.tuple(tie('tree'), tie('tree')), { maxLength: 4 }).map((pairs) => new Map(pairs)),
    fc.array(tie('tree'), { maxLength: 4 }).map((values) => new Set(values)),
  ),
})).tree

test('plain data comes back from its bytes as it was', () => {
  fc.assert(
    fc.property(plain, (value) => {
      deepStrictEqual(roundTrip(value), value)
    }),
    { seed: 7, numRuns: 500 },
  )
})

test.each([undefined, null, Number.NaN, -0, 0, 2 ** 53, -(2n ** 70n), '', '\ud800', Number.NEGATIVE_INFINITY])(
  '%s comes back exactly',
  (value) => {
    expect(Object.is(roundTrip(value), value)).toBe(true)
    expect(Object.is((roundTrip({ value }) as { value: unknown }).value, value)).toBe(true)
  },
)

test('shared references and cycles keep their shape', () => {
  const shared = { n: 1 }
  const cyclic: { self?: unknown; list: unknown[]; byKey: Map<unknown, unknown> } = {
    list: [shared, shared],
    byKey: new Map<unknown, unknown>([[shared, new Set([shared])]]),
  }
  cyclic.self = cyclic
  const copy = roundTrip(cyclic) as typeof cyclic
  expect(copy.self).toBe(copy)
  expect(copy.list[0]).toBe(copy.list[1])
  expect([...copy.byKey.keys()][0]).toBe(copy.list[0])
  expect([...(copy.byKey.get(copy.list[0]) as Set<unknown>)][0]).toBe(copy.list[0])
})

test('a field named __proto__ is data, and nobody gets another prototype', () => {
  const value: unknown = JSON.parse('{ "__proto__": { "admin": true }, "constructor": 1 }')
  const copy = roundTrip(value) as Record<string, unknown>
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
  expect(Object.keys(copy)).toEqual(['__proto__', 'constructor'])
  expect(Object.getOwnPropertyDescriptor(copy, '__proto__')?.value).toEqual({ admin: true })
  expect(copy.admin).toBeUndefined()
})

test('a list linked a hundred thousand deep is no trouble for the stack', () => {
  let list: { next: unknown } = { next: null }
  for (let i = 0; i < 100_000; i++) list = { next: list }
  let depth = 0
  for (let at = roundTrip(list) as { next: unknown } | null; at !== null; at = at.next as typeof at) depth++
  expect(depth).toBe(100_001)
})

test('an invalid date stays one', () => {
  expect((roundTrip(new Date(Number.NaN)) as Date).getTime()).toBeNaN()
})

test('errors keep their kind, message and stack', () => {
  const error = new TypeError('no such thing')
  const copy = roundTrip(error) as Error
  expect(copy).toBeInstanceOf(TypeError)
  expect([copy.name, copy.message, copy.stack]).toEqual([error.name, error.message, error.stack])
  const named = Object.defineProperty(new Error('gone'), 'name', { value: 'AbortError' })
  expect((roundTrip(named) as Error).name).toBe('AbortError')
})

test('typed arrays share the elements that they show, and a Buffer is a Uint8Array', () => {
  expect(roundTrip(new Int16Array([1, -2, 3, 4]).subarray(1, 3))).toEqual(new Int16Array([-2, 3]))
  const copy = roundTrip(Buffer.from('abc'))
  expect(Object.getPrototypeOf(copy)).toBe(Uint8Array.prototype)
  expect(copy).toEqual(new Uint8Array([97, 98, 99]))
  expect(reverseElements(Uint8Array.of(1, 2, 3, 4, 5, 6), 2)).toEqual(Uint8Array.of(2, 1, 4, 3, 6, 5))
})

class Account {
  readonly balance = 1
}
class Ledger extends Map<string, number> {}
class HttpError extends Error {}

test('every field that can not be shared is named at once, and why', () => {
  const value = {
    good: [1, { fine: true }],
    handler: () => 1,
    list: [1, Symbol('s'), new Account()],
    'odd name': new WeakMap(),
    map: new Map<unknown, unknown>([['k', Promise.resolve()]]),
    set: new Set([Math.max]),
    ledger: new Ledger(),
    error: new HttpError('no'),
    system: Object.assign(new Error('no'), { code: 'ENOENT' }),
    date: Object.assign(new Date(0), { zone: 'UTC' }),
    [Symbol.for('tag')]: 1,
    boxed: Object(1) as unknown,
    match: /b/.exec('abc'),
    proxy: new Proxy(new Account(), {}),
  }
  expect(pathsOf(value)).toEqual([
    'value[Symbol(tag)]',
    'value.handler',
    'value.error',
    'value.system',
    'value.date',
    'value.list[1]',
    'value["odd name"]',
    'value.set.item(0)',
    'value.ledger',
    'value.boxed',
    'value.match.index',
    'value.match.input',
    'value.match.groups',
    'value.proxy',
    'value.list[2]',
    'value.map.get("k")',
  ])
  expect(() => graphOf(value)).toThrow(/value\.handler is a function\n {2}- value\.error is an instance of HttpError/)
  expect(() => graphOf(value)).toThrow(/value\.list\[2\] is an instance of Account/)
})

test('an error that names hundreds of fields stays readable, and holds them all', () => {
  const value = Array.from({ length: 300 }, () => () => 1)
  expect(pathsOf(value)).toHaveLength(300)
  expect(() => graphOf(value)).toThrow(/and 280 more$/)
})

test('an array with a giant length is refused, not walked', () => {
  const sparse: number[] = []
  sparse[2 ** 31] = 1
  expect(pathsOf({ sparse })).toEqual(['value.sparse'])
})

test('what this runtime can not make throws instead of coming back as something else', () => {
  const graph = graphOf(0)
  expect(() => plainOf({ ...graph, root: { kind: 'regexp', source: '(', flags: '' } })).toThrow(SyntaxError)
  expect(() => plainOf({ ...graph, root: { kind: 'url', text: 'nothing' } })).toThrow(TypeError)
})
