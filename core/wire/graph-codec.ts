import { ByteReader, ByteWriter, Malformed } from '../lib/bytes.ts'
import { type Atom, type Graph, type GraphNode, type GraphValue, isNewRef, isRef } from './value.ts'
import { readNode, readValue, writeNode, writeValue } from './value-codec.ts'

/** No id of a node exceeds this, so that adding to one stays exact. */
export const nodeIdMax = 2 ** 48

/** Shared, for a buffer per graph would cost more than writing a small one. */
const writer = new ByteWriter(4096)

/**
 * The graph's bytes: equal graphs (same ids, same order where it can be seen) have equal bytes.
 * Nodes lie flat, in ascending order of id, so no depth of nesting costs stack.
 */
export function encodeGraph(graph: Graph): Uint8Array {
  writer.reset()
  writeValue(writer, graph.root)
  writer.uint(graph.nextNode)
  writer.uint(graph.nodes.size)
  let previous = -1
  for (const id of sortedIds(graph)) {
    writer.uint(id - previous - 1)
    writeNode(writer, graph.nodes.get(id) as GraphNode)
    previous = id
  }
  return writer.take()
}

/**
 * The graph that has exactly these bytes; every reference in it finds its node. Shares nothing with `bytes`. Throws
 * `Malformed`.
 */
export function decodeGraph(bytes: Uint8Array): Graph {
  const decoder = new GraphDecoder(bytes)
  return decoder.decode()
}

/** A graph that is nothing but an atom. */
export function atomGraph(root: Atom): Graph {
  return { nodes: new Map(), root, nextNode: 0 }
}

class GraphDecoder {
  readonly #reader: ByteReader
  readonly #refs: number[] = []

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes)
  }

  decode(): Graph {
    const reader = this.#reader
    const read = () => this.#readValue()
    const root = read()
    const nextNode = reader.uint()
    if (nextNode > nodeIdMax) throw new Malformed('node ids are out of range')
    const nodes = new Map<number, GraphNode>()
    let id = -1
    for (let left = reader.count(3); left > 0; left--) {
      id += reader.uint() + 1
      if (id >= nextNode) throw new Malformed('a node has an id that was not given out')
      nodes.set(id, readNode(reader, read))
    }
    reader.end()
    for (const node of this.#refs) if (!nodes.has(node)) throw new Malformed('a reference to a node that is not there')
    return { nodes, root, nextNode }
  }

  #readValue(): GraphValue {
    const value = readValue(this.#reader)
    if (isNewRef(value)) throw new Malformed('a reference that only a delta may have')
    if (isRef(value)) this.#refs.push(value.ref)
    return value
  }
}

/** Ids ascend in the map as long as nodes are added in order, which is the rule. */
function sortedIds(graph: Graph): Iterable<number> {
  let previous = -1
  for (const id of graph.nodes.keys()) {
    if (id < previous) return [...graph.nodes.keys()].sort((a, b) => a - b)
    previous = id
  }
  return graph.nodes.keys()
}
