/**
 * Values as they are shared: a document is one graph of nodes with ids, whose leaves are atoms. Names such as
 * `__proto__` are data like any other, hence no object of JavaScript stands for a record here.
 */
export interface Graph {
  readonly nodes: Map<number, GraphNode>
  /** An atom, or a reference to the root node: node 0 when the document was made, until the root is replaced. */
  root: GraphValue
  /** The id of the next new node; ids are never used again. Invariant: greater than every id in `nodes`. */
  nextNode: number
}

/** Primitives stand for themselves; what JavaScript has as an object without identity of its own is tagged. */
export type Atom = undefined | null | boolean | number | string | bigint | ObjectAtom

export type ObjectAtom =
  /** `ms` is NaN for an invalid date. */
  | { readonly kind: 'date'; readonly ms: number }
  /** Not proven to compile: whoever makes a RegExp of it must expect an error. */
  | { readonly kind: 'regexp'; readonly source: string; readonly flags: string }
  | { readonly kind: 'url'; readonly text: string }
  | { readonly kind: 'error'; readonly name: string; readonly message: string; readonly stack: string | undefined }
  /** The elements of a typed array as little-endian bytes, or the bytes of an ArrayBuffer. */
  | { readonly kind: 'binary'; readonly type: BinaryType; readonly bytes: Uint8Array }

/** Positions are the bytes on the wire: append only. */
export const binaryTypes = [
  'ArrayBuffer',
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
] as const
export type BinaryType = (typeof binaryTypes)[number]

/** How many bytes one element of each binary type takes. */
export const elementBytes: Readonly<Record<BinaryType, number>> = {
  ArrayBuffer: 1,
  DataView: 1,
  Int8Array: 1,
  Uint8Array: 1,
  Uint8ClampedArray: 1,
  Int16Array: 2,
  Uint16Array: 2,
  Int32Array: 4,
  Uint32Array: 4,
  Float32Array: 4,
  Float64Array: 8,
  BigInt64Array: 8,
  BigUint64Array: 8,
}

/** A node of the same graph. */
export interface Ref {
  readonly kind: 'ref'
  readonly ref: number
}

/** In a delta: the node at this position of the delta's own list, which has no id yet. */
export interface NewRef {
  readonly kind: 'new'
  readonly position: number
}

export type GraphValue = Atom | Ref
export type DeltaValue = Atom | Ref | NewRef

/** Positions are the bytes on the wire: append only. */
export const nodeKinds = ['record', 'array', 'map', 'set', 'instance'] as const
export type NodeKind = (typeof nodeKinds)[number]

export type GraphNode<Value = GraphValue> =
  /** Fields keep the order in which they were first set. */
  | { readonly kind: 'record'; readonly fields: Map<string, Value> }
  | { readonly kind: 'array'; readonly items: Value[] }
  | { readonly kind: 'map'; readonly entries: Map<Identity, MapEntry<Value>> }
  | { readonly kind: 'set'; readonly items: Map<Identity, Value> }
  /** An instance of a class that the application registered under this name, written by this version of it. */
  | {
      readonly kind: 'instance'
      readonly className: string
      readonly version: number
      readonly fields: Map<string, Value>
    }

export interface MapEntry<Value = GraphValue> {
  readonly key: Value
  readonly value: Value
}

/**
 * What two keys of a Map or members of a Set have in common exactly when they are the same: atoms by value, nodes by
 * id.
 */
export type Identity = undefined | null | boolean | number | string | bigint

/** The changes of one transaction to one document: nodes that its operations use, and the operations in order. */
export interface Delta {
  /** New nodes; they get ids from `nextNode` on, in this order. */
  readonly nodes: readonly GraphNode<DeltaValue>[]
  readonly operations: readonly Operation[]
}

/**
 * The node operated on: `root`, whichever node that is, or a node id; then a path of field names, array indexes and Map
 * keys from there.
 */
export interface Target {
  readonly node: number | 'root'
  readonly path: readonly Atom[]
}

/**
 * What a delta can do. Operations on fields, Maps and Sets, `increment`, `append` and `take` go together with whatever
 * others did; `splice`, `assign` and `set-length` mean positions, so their transaction must have read the document
 * (S2).
 */
export type Operation = Target &
  (
    | { readonly kind: 'set'; readonly name: string; readonly value: DeltaValue }
    | { readonly kind: 'delete'; readonly name: string }
    | { readonly kind: 'map-set'; readonly key: DeltaValue; readonly value: DeltaValue }
    | { readonly kind: 'map-delete'; readonly key: DeltaValue }
    | { readonly kind: 'map-clear' }
    | { readonly kind: 'set-add'; readonly value: DeltaValue }
    | { readonly kind: 'set-delete'; readonly value: DeltaValue }
    | { readonly kind: 'set-clear' }
    /**
     * Adds to a field or to the value of a Map's key; one that is absent or undefined counts as zero. Its result is the
     * sum.
     */
    | { readonly kind: 'increment'; readonly key: Atom; readonly amount: number | bigint }
    | { readonly kind: 'append'; readonly values: readonly DeltaValue[] }
    /**
     * Removes the first or last item. Its result is that item with all it refers to, undefined when the array is empty.
     */
    | { readonly kind: 'take'; readonly end: 'front' | 'back' }
    | {
        readonly kind: 'splice'
        readonly index: number
        readonly deleteCount: number
        readonly values: readonly DeltaValue[]
      }
    | { readonly kind: 'assign'; readonly index: number; readonly value: DeltaValue }
    | { readonly kind: 'set-length'; readonly length: number }
    /** Ignores its target. */
    | { readonly kind: 'replace-root'; readonly value: DeltaValue }
  )

export function ref(node: number): Ref {
  return { kind: 'ref', ref: node }
}

export function isRef(value: DeltaValue): value is Ref {
  return typeof value === 'object' && value !== null && value.kind === 'ref'
}

export function isNewRef(value: DeltaValue): value is NewRef {
  return typeof value === 'object' && value !== null && value.kind === 'new'
}

export function isAtom(value: DeltaValue): value is Atom {
  return typeof value !== 'object' || value === null || (value.kind !== 'ref' && value.kind !== 'new')
}

/** Negative zero is no key of its own, as in JavaScript's Map and Set. */
export function keyOf<Value extends DeltaValue>(value: Value): Value | 0 {
  return value === 0 ? 0 : value
}

/** Texts that begin with NUL are set apart, so that none is taken for the identity of an object. */
export function identityOf(value: DeltaValue): Identity {
  if (typeof value === 'string') return value.charCodeAt(0) === 0 ? `\0s${value}` : value
  if (typeof value !== 'object' || value === null) return keyOf(value)
  switch (value.kind) {
    case 'ref':
      return `\0n${value.ref}`
    case 'new':
      return `\0p${value.position}`
    case 'date':
      return `\0d${value.ms}`
    case 'regexp':
      return `\0r${value.flags.length}/${value.flags}${value.source}`
    case 'url':
      return `\0u${value.text}`
    case 'error': {
      const stack = value.stack === undefined ? '' : `/${value.stack}`
      return `\0e${value.name.length}/${value.message.length}/${value.name}${value.message}${stack}`
    }
    case 'binary':
      return `\0b${value.type}/${value.bytes.join()}`
  }
}

/** A Map node's entries; of two with the same key the later one gives the value. */
export function mapEntries<Value extends DeltaValue>(
  pairs: Iterable<readonly [Value, Value]>,
): Map<Identity, MapEntry<Value | 0>> {
  const entries = new Map<Identity, MapEntry<Value | 0>>()
  for (const [key, value] of pairs) entries.set(identityOf(key), { key: keyOf(key), value })
  return entries
}

/** A Set node's members. */
export function setItems<Value extends DeltaValue>(values: Iterable<Value>): Map<Identity, Value | 0> {
  const items = new Map<Identity, Value | 0>()
  for (const value of values) items.set(identityOf(value), keyOf(value))
  return items
}

/** An operation whose meaning depends on where items are, not on what they are. */
export function isPositional(operation: Operation): boolean {
  return operation.kind === 'splice' || operation.kind === 'assign' || operation.kind === 'set-length'
}
