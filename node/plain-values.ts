import { types } from 'node:util'
import { must, unreachable } from '../core/lib/assert.ts'
import { stateLimits } from '../core/state/limits.ts'
import {
  type Atom,
  type Graph,
  type GraphNode,
  type GraphValue,
  isRef,
  mapEntries,
  type NewRef,
  type Ref,
  ref,
  setItems,
} from '../core/wire/value.ts'
import { NotShareableError, type UnshareableField } from './errors.ts'
import { atomOf, classNameOf, isExactly, objectOf } from './plain-atoms.ts'

/** Where a value was met, kept as a way back to the root, so that a path costs something only when it is told. */
interface Place {
  readonly parent: Place | undefined
  readonly step: string
}

interface Waiting {
  readonly object: object
  readonly place: Place
}

/** An array has at least one byte an item in a document. */
const itemsMax = stateLimits.documentBytesMax

/**
 * Makes nodes of plain data. Shared references and cycles are kept: each object becomes one node, at whatever places it
 * is met.
 * Invariant: the node at position i is that of the i-th object met; no depth of nesting costs stack.
 * Not here: what the nodes are for. `refer` says how a value names the node at a position, which a graph and a delta do
 * differently.
 */
export class PlainSharer<R extends Ref | NewRef> {
  readonly nodes: GraphNode<Atom | R>[] = []
  readonly #refer: (position: number) => R
  readonly #positions = new Map<object, number>()
  readonly #waiting: Waiting[] = []
  readonly #unfit: UnshareableField[] = []

  constructor(refer: (position: number) => R) {
    this.#refer = refer
  }

  /**
   * The value for `plain`; its nodes, if it has any, are among `nodes`. `name` begins the paths that an error tells.
   */
  share(plain: unknown, name: string): Atom | R {
    const value = this.#value(plain, { parent: undefined, step: name })
    // What is met on the way lengthens the list.
    for (const { object, place } of this.#waiting) this.nodes.push(this.#node(object, place))
    this.#waiting.length = 0
    return value
  }

  /** A value that must not have nodes, such as a step of a path. */
  atom(plain: unknown, name: string): Atom {
    const place = { parent: undefined, step: name }
    if (typeof plain !== 'object' || plain === null) return this.#primitive(plain, place)
    const atom = atomOf(plain)
    if (atom !== undefined && !('unfit' in atom)) return atom
    this.#refuse(place, 'an object, where only a single value can be')
    return undefined
  }

  /** Throws when anything that was shared can't be. */
  finish(): void {
    if (this.#unfit.length > 0) throw new NotShareableError(this.#unfit)
  }

  #value(plain: unknown, place: Place): Atom | R {
    if (typeof plain !== 'object' || plain === null) return this.#primitive(plain, place)
    const known = this.#positions.get(plain)
    if (known !== undefined) return this.#refer(known)
    const prototype: unknown = Object.getPrototypeOf(plain)
    if (prototype === Object.prototype || prototype === Array.prototype) return this.#meet(plain, place)
    const atom = atomOf(plain)
    if (atom === undefined) return this.#meet(plain, place)
    if (!('unfit' in atom)) return atom
    this.#refuse(place, atom.unfit)
    return undefined
  }

  #primitive(plain: unknown, place: Place): Atom {
    switch (typeof plain) {
      case 'undefined':
      case 'boolean':
      case 'number':
      case 'string':
      case 'bigint':
        return plain
      case 'function':
        this.#refuse(place, 'a function')
        return undefined
      case 'symbol':
        this.#refuse(place, 'a symbol')
        return undefined
      default:
        return null
    }
  }

  #meet(object: object, place: Place): R {
    const position = this.#positions.size
    this.#positions.set(object, position)
    this.#waiting.push({ object, place })
    return this.#refer(position)
  }

  #node(object: object, place: Place): GraphNode<Atom | R> {
    this.#refuseSymbols(object, place)
    if (Array.isArray(object) && isArrayItself(object)) return this.#array(object, place)
    if (types.isMap(object) && isExactly(object, 'Map')) return this.#map(object, place)
    if (types.isSet(object) && isExactly(object, 'Set')) return this.#set(object, place)
    if (isRecord(object)) return this.#record(object, place)
    this.#refuse(place, `an instance of ${classNameOf(object)}`)
    return { kind: 'record', fields: new Map() }
  }

  #record(object: object, place: Place): GraphNode<Atom | R> {
    const fields = new Map<string, Atom | R>()
    for (const [name, value] of Object.entries(object)) {
      fields.set(name, this.#value(value, { parent: place, step: fieldStep(name) }))
    }
    return { kind: 'record', fields }
  }

  /** A hole becomes `undefined`. */
  #array(array: readonly unknown[], place: Place): GraphNode<Atom | R> {
    const items: (Atom | R)[] = []
    if (array.length > itemsMax) this.#refuse(place, `an array of ${array.length} items, more than a document can hold`)
    else {
      for (let index = 0; index < array.length; index++) {
        items.push(this.#value(array[index], { parent: place, step: `[${index}]` }))
      }
      this.#refuseFields(namesBehindItems(array), place)
    }
    return { kind: 'array', items }
  }

  #map(map: ReadonlyMap<unknown, unknown>, place: Place): GraphNode<Atom | R> {
    const pairs: [Atom | R, Atom | R][] = []
    for (const [key, value] of map) {
      const shown = typeof key === 'object' || typeof key === 'function' ? '…' : format(key)
      const sharedKey = this.#value(key, { parent: place, step: `.key(${shown})` })
      pairs.push([sharedKey, this.#value(value, { parent: place, step: `.get(${shown})` })])
    }
    this.#refuseFields(Object.keys(map), place)
    return {
      kind: 'map',
      entries: mapEntries<Atom | R>(pairs) as Extract<GraphNode<Atom | R>, { kind: 'map' }>['entries'],
    }
  }

  #set(set: ReadonlySet<unknown>, place: Place): GraphNode<Atom | R> {
    const values: (Atom | R)[] = []
    for (const value of set) values.push(this.#value(value, { parent: place, step: `.item(${values.length})` }))
    this.#refuseFields(Object.keys(set), place)
    return { kind: 'set', items: setItems<Atom | R>(values) }
  }

  #refuseSymbols(object: object, place: Place): void {
    for (const symbol of Object.getOwnPropertySymbols(object)) {
      if (!Object.prototype.propertyIsEnumerable.call(object, symbol)) continue
      this.#refuse({ parent: place, step: `[${String(symbol)}]` }, 'a field named by a symbol')
    }
  }

  #refuseFields(names: readonly string[], place: Place): void {
    for (const name of names) {
      this.#refuse({ parent: place, step: fieldStep(name) }, 'a field of an object that has none')
    }
  }

  #refuse(place: Place, reason: string): void {
    const steps: string[] = []
    for (let at: Place | undefined = place; at !== undefined; at = at.parent) steps.push(at.step)
    this.#unfit.push({ path: steps.reverse().join(''), reason })
  }
}

/** The graph of plain data. Throws `NotShareableError`. */
export function graphOf(plain: unknown, name = 'value'): Graph {
  const sharer = new PlainSharer<Ref>(ref)
  const root = sharer.share(plain, name)
  sharer.finish()
  return { nodes: new Map(sharer.nodes.entries()), root, nextNode: sharer.nodes.length }
}

/**
 * Plain data from a graph. An instance of a class comes back as a record of its fields. Throws where this runtime can't
 * make a value, such as a RegExp with a flag unknown to it.
 */
export function plainOf(graph: Graph): unknown {
  const shells = new Map<number, object>()
  for (const [id, node] of graph.nodes) shells.set(id, shellOf(node))
  const plain = (value: GraphValue) => (isRef(value) ? shells.get(value.ref) : plainAtom(value))
  for (const [id, node] of graph.nodes) fill(must(shells.get(id), 'a node without a shell'), node, plain)
  return plain(graph.root)
}

function plainAtom(atom: Atom): unknown {
  return typeof atom === 'object' && atom !== null ? objectOf(atom) : atom
}

function shellOf(node: GraphNode): object {
  switch (node.kind) {
    case 'record':
    case 'instance':
      return {}
    case 'array':
      return []
    case 'map':
      return new Map()
    case 'set':
      return new Set()
    default:
      return unreachable(node)
  }
}

/** The shell is the one that `shellOf` made for the node. */
function fill(shell: object, node: GraphNode, plain: (value: GraphValue) => unknown): void {
  switch (node.kind) {
    case 'record':
    case 'instance':
      for (const [name, value] of node.fields) setField(shell as Record<string, unknown>, name, plain(value))
      break
    case 'array':
      for (const item of node.items) (shell as unknown[]).push(plain(item))
      break
    case 'map':
      for (const { key, value } of node.entries.values()) (shell as Map<unknown, unknown>).set(plain(key), plain(value))
      break
    case 'set':
      for (const item of node.items.values()) (shell as Set<unknown>).add(plain(item))
      break
    default:
      unreachable(node)
  }
}

/** A field of any name is data: assigning to `__proto__` would set the prototype instead. */
function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') record[name] = value
  else Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true })
}

function isArrayItself(array: readonly unknown[]): boolean {
  return Object.getPrototypeOf(array) === Array.prototype || isExactly(array, 'Array')
}

/** An object literal, of whichever realm, or one without a prototype. */
function isRecord(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype === null || prototype === Object.prototype) return true
  return isExactly(object, 'Object') && Object.getPrototypeOf(prototype) === null
}

/** Names that were given to an array besides its items; an engine lists them last. */
function namesBehindItems(array: readonly unknown[]): readonly string[] {
  const names = Object.keys(array)
  let first = names.length
  while (first > 0 && !/^\d+$/.test(names[first - 1] ?? '')) first--
  return names.slice(first)
}

function fieldStep(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}

function format(key: unknown): string {
  return typeof key === 'string' ? JSON.stringify(key) : String(key)
}
