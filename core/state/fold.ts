import { Malformed } from '../lib/bytes.ts'
import { decodeDelta } from '../wire/delta-codec.ts'
import { decodeGraph } from '../wire/graph-codec.ts'
import type { Graph } from '../wire/value.ts'
import { collectGarbage } from './collect.ts'
import { applyOperations } from './graph-change.ts'

/** Deltas that a server keeps use atoms alone, change the root alone, fill no array and have no results. */
const fillMax = 0

/**
 * A document as a graph, from what a server keeps of it: a base and the deltas since, oldest first. The graph is the
 * caller's own. Throws `Malformed` when the bytes are not such a document.
 */
export function foldDocument(base: Uint8Array, deltas: readonly Uint8Array[]): Graph {
  const graph = decodeGraph(base)
  const results: Uint8Array[] = []
  for (const delta of deltas) {
    if (applyOperations(graph, decodeDelta(delta), fillMax, results) !== undefined) {
      throw new Malformed('a delta does not fit its document')
    }
  }
  collectGarbage(graph)
  return graph
}
