import fc from 'fast-check'
import {
  type Atom,
  binaryTypes,
  type Delta,
  type DeltaValue,
  elementBytes,
  type Graph,
  type GraphNode,
  type GraphValue,
  mapEntries,
  type Operation,
  ref,
  setItems,
} from './value.ts'

/** Values, graphs and deltas of every kind, for tests. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('__proto__', 'constructor', 'prototype', '\0s', '\ud800', 'a\udc00b', ''),
)
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, Number.NaN, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, Number.POSITIVE_INFINITY),
)
const binary = fc.tuple(fc.constantFrom(...binaryTypes), fc.nat({ max: 3 }), fc.nat({ max: 255 })).map(
  ([type, length, byte]): Atom => ({
    kind: 'binary',
    type,
    bytes: new Uint8Array(length * elementBytes[type]).fill(byte),
  }),
)

export const atoms: fc.Arbitrary<Atom> = fc.oneof(
  { weight: 3, arbitrary: number },
  { weight: 3, arbitrary: text },
  fc.constantFrom(undefined, null, true, false),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.constantFrom(0n, -1n, 255n, 256n),
  fc.constantFrom(Number.NaN, 0, 8.64e15, -1).map((ms): Atom => ({ kind: 'date', ms })),
  fc.tuple(text, fc.constantFrom('', 'g', 'iu')).map(([source, flags]): Atom => ({ kind: 'regexp', source, flags })),
  text.map((url): Atom => ({ kind: 'url', text: url })),
  fc
    .tuple(text, text, fc.option(text, { nil: undefined }))
    .map(([name, message, stack]): Atom => ({ kind: 'error', name, message, stack })),
  binary,
)

/** A node whose values are drawn from `values`. */
export function nodes<Value extends DeltaValue>(values: fc.Arbitrary<Value>): fc.Arbitrary<GraphNode<Value | 0>> {
  const fields = fc.array(fc.tuple(text, values), { maxLength: 4 }).map((pairs) => new Map<string, Value | 0>(pairs))
  return fc.oneof(
    fields.map((each) => ({ kind: 'record' as const, fields: each })),
    fc.array(values, { maxLength: 4 }).map((items) => ({ kind: 'array' as const, items: [...items] })),
    fc
      .array(fc.tuple(values, values), { maxLength: 4 })
      .map((pairs) => ({ kind: 'map' as const, entries: mapEntries(pairs) })),
    fc.array(values, { maxLength: 4 }).map((items) => ({ kind: 'set' as const, items: setItems(items) })),
    fc
      .tuple(text, fc.nat(), fields)
      .map(([className, version, each]) => ({ kind: 'instance' as const, className, version, fields: each })),
  )
}

/** A graph of up to five nodes, with gaps between ids, shared nodes, cycles and garbage. */
export const graphs: fc.Arbitrary<Graph> = fc.uniqueArray(fc.nat({ max: 9 }), { maxLength: 5 }).chain((unsorted) => {
  const ids = [...unsorted].sort((a, b) => a - b)
  const values: fc.Arbitrary<GraphValue> =
    ids.length === 0
      ? atoms
      : fc.oneof(
          atoms,
          fc.constantFrom(...ids).map((id) => ref(id)),
        )
  return fc
    .tuple(values, fc.tuple(...ids.map(() => nodes(values))), fc.nat({ max: 4 }))
    .map(([root, contents, more]): Graph => {
      const pairs = ids.map((id, i): [number, GraphNode] => [id, contents[i] as GraphNode])
      return { root, nodes: new Map(pairs), nextNode: (ids.at(-1) ?? -1) + 1 + more }
    })
})

function operations(values: fc.Arbitrary<DeltaValue>): fc.Arbitrary<Operation> {
  const small = fc.nat({ max: 6 })
  const target = {
    node: fc.oneof(fc.constant('root' as const), fc.constant(0), small),
    path: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(fc.oneof(text, small), { maxLength: 2 })),
  }
  const name = fc.constantFrom('a', 'b', 'c', '__proto__')
  const list = fc.array(values, { maxLength: 3 })
  const of = <Kind extends Operation['kind']>(kind: Kind) => ({ kind: fc.constant(kind), ...target })
  return fc.oneof(
    fc.record({ ...of('set'), name, value: values }),
    fc.record({ ...of('delete'), name }),
    fc.record({ ...of('map-set'), key: values, value: values }),
    fc.record({ ...of('map-delete'), key: values }),
    fc.record({ ...of('map-clear') }),
    fc.record({ ...of('set-add'), value: values }),
    fc.record({ ...of('set-delete'), value: values }),
    fc.record({ ...of('set-clear') }),
    fc.record({ ...of('increment'), key: name, amount: fc.oneof(number, fc.bigInt({ min: -9n, max: 9n })) }),
    fc.record({ ...of('append'), values: list }),
    fc.record({ ...of('take'), end: fc.constantFrom('front' as const, 'back' as const) }),
    fc.record({ ...of('splice'), index: small, deleteCount: small, values: list }),
    fc.record({ ...of('assign'), index: small, value: values }),
    fc.record({ ...of('set-length'), length: small }),
    fc.record({ ...of('replace-root'), value: values }),
  )
}

/** A delta of up to three new nodes and four operations that may or may not fit the graph it meets. */
export const deltas: fc.Arbitrary<Delta> = fc.nat({ max: 3 }).chain((count) => {
  const news = fc.nat({ max: Math.max(0, count - 1) }).map((position): DeltaValue => ({ kind: 'new', position }))
  const refs = fc.nat({ max: 6 }).map((id) => ref(id))
  const values: fc.Arbitrary<DeltaValue> = fc.oneof({ weight: 4, arbitrary: atoms }, refs, count === 0 ? atoms : news)
  return fc.record({
    nodes: fc.array(nodes(values), { minLength: count, maxLength: count }),
    operations: fc.array(operations(values), { maxLength: 4 }),
  })
})
