import { must, unreachable } from '../lib/assert.ts'
import type { RefusalCode } from '../refusal.ts'
import { atomGraph, encodeGraph, nodeIdMax } from '../wire/graph-codec.ts'
import {
  type Atom,
  type Delta,
  type DeltaValue,
  type Graph,
  type GraphNode,
  type GraphValue,
  identityOf,
  isNewRef,
  isRef,
  keyOf,
  type Operation,
  ref,
  type Target,
} from '../wire/value.ts'
import { collectGarbage, extractGraph, mapNode } from './collect.ts'

/** What an operation does on the node it reached. */
type NodeOperation = Exclude<Operation, { kind: 'replace-root' }>

/** Thrown and caught within this file: the delta is refused with this code. */
class Refused extends Error {
  readonly code: RefusalCode

  constructor(code: RefusalCode) {
    super(code)
    this.code = code
  }
}

/**
 * Applies a delta to the graph in place, then collects what the root no longer reaches. Results of operations go to
 * `results`, each an encoded graph; together they and the items that fill a lengthened array stay below `bytesMax`.
 * Returns why the delta is refused, if it is: the graph and `results` are then to be thrown away.
 */
export function applyDelta(
  graph: Graph,
  delta: Delta,
  bytesMax: number,
  results: Uint8Array[],
): RefusalCode | undefined {
  const refusal = applyOperations(graph, delta, bytesMax, results)
  if (refusal === undefined) collectGarbage(graph)
  return refusal
}

/** The same without the collection, for several deltas in a row none of which uses or reaches a node by its id. */
export function applyOperations(
  graph: Graph,
  delta: Delta,
  bytesMax: number,
  results: Uint8Array[],
): RefusalCode | undefined {
  try {
    new GraphChange(graph, bytesMax, results).apply(delta)
    return undefined
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
}

class GraphChange {
  readonly #graph: Graph
  readonly #results: Uint8Array[]
  /** The id that the first new node of this delta gets. */
  readonly #firstNew: number
  #fillLeft: number
  #resultBytesLeft: number

  constructor(graph: Graph, bytesMax: number, results: Uint8Array[]) {
    this.#graph = graph
    this.#results = results
    this.#firstNew = graph.nextNode
    this.#fillLeft = bytesMax
    this.#resultBytesLeft = bytesMax
    for (const result of results) this.#resultBytesLeft -= result.length
  }

  apply(delta: Delta): void {
    this.#define(delta.nodes)
    for (const operation of delta.operations) this.#operate(operation)
  }

  #define(nodes: readonly GraphNode<DeltaValue>[]): void {
    if (nodes.length === 0) return
    if (this.#firstNew + nodes.length > nodeIdMax) throw new Refused('TOO_LARGE')
    const resolve = (value: DeltaValue) => this.#resolve(value)
    const defined = nodes.map((node) => mapNode(node, resolve))
    for (const node of defined) this.#graph.nodes.set(this.#graph.nextNode++, node)
  }

  #operate(operation: Operation): void {
    if (operation.kind === 'increment') checkAmount(operation.amount)
    if (operation.kind === 'replace-root') {
      this.#graph.root = this.#resolve(operation.value)
      return
    }
    const node = this.#target(operation)
    if (node !== undefined) this.#onNode(operation, node)
    else if (operation.kind === 'increment' || operation.kind === 'take') this.#result(undefined)
  }

  #onNode(operation: NodeOperation, node: GraphNode): void {
    switch (operation.kind) {
      case 'set':
        fieldsOf(node).set(operation.name, this.#resolve(operation.value))
        break
      case 'delete':
        fieldsOf(node).delete(operation.name)
        break
      case 'map-set':
        entriesOf(node).set(this.#identity(operation.key), {
          key: keyOf(this.#resolve(operation.key)),
          value: this.#resolve(operation.value),
        })
        break
      case 'map-delete':
        entriesOf(node).delete(this.#identity(operation.key))
        break
      case 'map-clear':
        entriesOf(node).clear()
        break
      case 'set-add':
        this.#addMember(membersOf(node), operation.value)
        break
      case 'set-delete':
        membersOf(node).delete(this.#identity(operation.value))
        break
      case 'set-clear':
        membersOf(node).clear()
        break
      case 'increment':
        this.#increment(node, operation.key, operation.amount)
        break
      default:
        this.#onArray(operation, node)
    }
  }

  #onArray(
    operation: Extract<NodeOperation, { kind: 'append' | 'take' | 'splice' | 'assign' | 'set-length' }>,
    node: GraphNode,
  ): void {
    if (node.kind !== 'array') throw new Refused('BAD_OPERATION')
    const { items } = node
    switch (operation.kind) {
      case 'append':
        for (const value of operation.values) items.push(this.#resolve(value))
        break
      case 'take':
        this.#result(operation.end === 'front' ? items.shift() : items.pop())
        break
      case 'splice':
        this.#splice(items, operation.index, operation.deleteCount, operation.values)
        break
      case 'assign':
        if (operation.index >= items.length) this.#setLength(items, operation.index + 1)
        items[operation.index] = this.#resolve(operation.value)
        break
      case 'set-length':
        this.#setLength(items, operation.length)
        break
      default:
        unreachable(operation)
    }
  }

  #addMember(members: Extract<GraphNode, { kind: 'set' }>['items'], value: DeltaValue): void {
    const member = keyOf(this.#resolve(value))
    members.set(identityOf(member), member)
  }

  #increment(node: GraphNode, key: Atom, amount: number | bigint): void {
    if (node.kind === 'map') {
      const sum = add(node.entries.get(identityOf(key))?.value, amount)
      node.entries.set(identityOf(key), { key: keyOf(key), value: sum })
      this.#result(sum)
      return
    }
    const fields = fieldsOf(node)
    if (typeof key !== 'string') throw new Refused('BAD_OPERATION')
    const sum = add(fields.get(key), amount)
    fields.set(key, sum)
    this.#result(sum)
  }

  #splice(items: GraphValue[], index: number, deleteCount: number, values: readonly DeltaValue[]): void {
    const from = Math.min(index, items.length)
    const tail = items.splice(from)
    for (const value of values) items.push(this.#resolve(value))
    for (let i = Math.min(deleteCount, tail.length); i < tail.length; i++) items.push(tail[i] as GraphValue)
  }

  #setLength(items: GraphValue[], length: number): void {
    if (length - items.length > this.#fillLeft) throw new Refused('TOO_LARGE')
    this.#fillLeft -= Math.max(0, length - items.length)
    if (length < items.length) items.length = length
    while (items.length < length) items.push(undefined)
  }

  /** The node operated on; undefined when its id is gone. */
  #target(target: Target): GraphNode | undefined {
    const { nodes, root } = this.#graph
    const start = target.node === 'root' ? root : ref(target.node)
    if (!isRef(start)) throw new Refused(target.path.length > 0 ? 'NO_SUCH_PATH' : 'BAD_OPERATION')
    let node = nodes.get(start.ref)
    if (node === undefined) return undefined
    for (const key of target.path) {
      const value = childOf(node, key)
      if (!isRef(value)) throw new Refused('NO_SUCH_PATH')
      node = must(nodes.get(value.ref), 'a reference finds its node')
    }
    return node
  }

  /** The value with its place in this graph; refused when it refers to a node that is not there. */
  #resolve(value: DeltaValue): GraphValue {
    if (isNewRef(value)) return ref(this.#firstNew + value.position)
    if (isRef(value) && (value.ref >= this.#firstNew || !this.#graph.nodes.has(value.ref))) throw new Refused('GONE')
    return value
  }

  /** The identity of a key or member that need not be there. */
  #identity(value: DeltaValue): ReturnType<typeof identityOf> {
    return identityOf(isNewRef(value) ? ref(this.#firstNew + value.position) : value)
  }

  #result(value: GraphValue): void {
    const result = encodeGraph(isRef(value) ? extractGraph(this.#graph, value) : atomGraph(value))
    this.#resultBytesLeft -= result.length
    if (this.#resultBytesLeft < 0) throw new Refused('TOO_LARGE')
    this.#results.push(result)
  }
}

function fieldsOf(node: GraphNode): Map<string, GraphValue> {
  if (node.kind !== 'record' && node.kind !== 'instance') throw new Refused('BAD_OPERATION')
  return node.fields
}

function entriesOf(node: GraphNode): Extract<GraphNode, { kind: 'map' }>['entries'] {
  if (node.kind !== 'map') throw new Refused('BAD_OPERATION')
  return node.entries
}

function membersOf(node: GraphNode): Extract<GraphNode, { kind: 'set' }>['items'] {
  if (node.kind !== 'set') throw new Refused('BAD_OPERATION')
  return node.items
}

function childOf(node: GraphNode, key: Atom): GraphValue {
  switch (node.kind) {
    case 'record':
    case 'instance':
      return typeof key === 'string' ? node.fields.get(key) : undefined
    case 'array':
      return typeof key === 'number' ? node.items[key] : undefined
    case 'map':
      return node.entries.get(identityOf(key))?.value
    case 'set':
      return undefined
  }
}

/** No sum with such a number means anything, and none after it would. */
function checkAmount(amount: number | bigint): void {
  if (typeof amount === 'number' && !Number.isFinite(amount)) throw new Refused('BAD_OPERATION')
}

function add(value: GraphValue, amount: number | bigint): number | bigint {
  if (typeof amount === 'bigint') {
    if (value === undefined || typeof value === 'bigint') return (value ?? 0n) + amount
  } else if (value === undefined || typeof value === 'number') return (value ?? 0) + amount
  throw new Refused('BAD_OPERATION')
}
