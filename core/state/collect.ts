import { must } from '../lib/assert.ts'
import {
  type Graph,
  type GraphNode,
  type GraphValue,
  type Identity,
  identityOf,
  isRef,
  type MapEntry,
  ref,
} from '../wire/value.ts'

/**
 * Drops every node that the root does not reach. It happens after each delta, so whether a node is gone follows from
 * the log, never from when a document happens to be decoded.
 */
export function collectGarbage(graph: Graph): void {
  const reached = reachableFrom(graph, graph.root)
  if (reached.size === graph.nodes.size) return
  for (const id of graph.nodes.keys()) if (!reached.has(id)) graph.nodes.delete(id)
}

/**
 * A graph of its own of everything that `root` reaches, its nodes numbered from 0 in the order in which they are found.
 */
export function extractGraph(graph: Graph, root: GraphValue): Graph {
  const ids = new Map<number, number>()
  for (const id of reachableFrom(graph, root)) ids.set(id, ids.size)
  const nodes = new Map<number, GraphNode>()
  for (const [id, renamed] of ids) {
    nodes.set(
      renamed,
      mapNode(must(graph.nodes.get(id), 'a reachable node is there'), (value) => renameRef(value, ids)),
    )
  }
  return { nodes, root: renameRef(root, ids), nextNode: nodes.size }
}

/** The node with each of its values replaced; keys and members get the identity of what replaces them. */
export function mapNode<From, To extends GraphValue>(
  node: GraphNode<From>,
  replace: (value: From) => To,
): GraphNode<To> {
  switch (node.kind) {
    case 'record':
      return { kind: 'record', fields: mapFields(node.fields, replace) }
    case 'instance':
      return { ...node, fields: mapFields(node.fields, replace) }
    case 'array':
      return { kind: 'array', items: node.items.map((item) => replace(item)) }
    case 'map': {
      const entries = new Map<Identity, MapEntry<To>>()
      for (const entry of node.entries.values()) {
        const key = replace(entry.key)
        entries.set(identityOf(key), { key, value: replace(entry.value) })
      }
      return { kind: 'map', entries }
    }
    case 'set': {
      const items = new Map<Identity, To>()
      for (const from of node.items.values()) {
        const item = replace(from)
        items.set(identityOf(item), item)
      }
      return { kind: 'set', items }
    }
  }
}

/** Ids in the order in which they are found, starting with that of `root`; without recursion, for lists may be long. */
function reachableFrom(graph: Graph, root: GraphValue): Set<number> {
  const reached = new Set<number>()
  if (isRef(root)) reached.add(root.ref)
  // A Set's iterator also visits what is added while it runs.
  for (const id of reached) addRefs(must(graph.nodes.get(id), 'a reference finds its node'), reached)
  return reached
}

function addRefs(node: GraphNode, reached: Set<number>): void {
  switch (node.kind) {
    case 'record':
    case 'instance':
      for (const value of node.fields.values()) if (isRef(value)) reached.add(value.ref)
      break
    case 'array':
      for (const item of node.items) if (isRef(item)) reached.add(item.ref)
      break
    case 'set':
      for (const item of node.items.values()) if (isRef(item)) reached.add(item.ref)
      break
    case 'map':
      for (const { key, value } of node.entries.values()) {
        if (isRef(key)) reached.add(key.ref)
        if (isRef(value)) reached.add(value.ref)
      }
  }
}

function renameRef(value: GraphValue, ids: ReadonlyMap<number, number>): GraphValue {
  return isRef(value) ? ref(must(ids.get(value.ref), 'a reachable node has a new id')) : value
}

function mapFields<From, To>(fields: ReadonlyMap<string, From>, replace: (value: From) => To): Map<string, To> {
  const mapped = new Map<string, To>()
  for (const [name, value] of fields) mapped.set(name, replace(value))
  return mapped
}
