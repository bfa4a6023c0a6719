import { assert } from '../lib/assert.ts'
import { Malformed } from '../lib/bytes.ts'
import { Hash64 } from '../lib/hash64.ts'
import type { RefusalCode } from '../refusal.ts'
import { decodeDelta } from '../wire/delta-codec.ts'
import { decodeGraph, encodeGraph } from '../wire/graph-codec.ts'
import type { Index } from '../wire/ids.ts'
import { isSurelyPlain } from '../wire/plain-delta.ts'
import { type Delta, type Graph, isAtom, isRef, type NodeKind, type Operation } from '../wire/value.ts'
import { collectGarbage } from './collect.ts'
import { type DeltaLog, deltasIn, emptyLog, withDelta } from './delta-log.ts'
import { foldDocument } from './fold.ts'
import { applyDelta } from './graph-change.ts'
import type { StateLimits } from './limits.ts'

/**
 * A document as the server keeps it: bytes, not objects. Never altered, only replaced.
 * Invariant: each delta is a plain one (see `isPlain`), so applying it can't be refused; base and deltas together are
 * no larger than a document may be, so neither can the fold.
 */
export interface DocumentEntry {
  readonly birth: Index
  readonly version: Index
  readonly base: Uint8Array
  readonly deltas: DeltaLog
  readonly deltaBytes: number
  /** The id of the root node, or -1 when the root is an atom. */
  readonly rootNode: number
  readonly rootKind: NodeKind | 'atom'
  /** Hash of the base, then of each delta upon the one before. */
  readonly chainLow: number
  readonly chainHigh: number
}

const scratch = new Hash64()

/** A new document from its encoded graph, or why there can't be one. */
export function createEntry(value: Uint8Array, index: Index, limits: StateLimits): DocumentEntry | RefusalCode {
  if (value.length > limits.documentBytesMax) return 'TOO_LARGE'
  const graph = decodeOrUndefined(value, decodeGraph)
  if (graph === undefined) return 'BAD_OPERATION'
  collectGarbage(graph)
  return foldedEntry(graph, index, index, limits)
}

/**
 * The document after a delta that is kept as it is, without a look at the document or at what the delta says; undefined
 * when the delta may not be such a one.
 */
export function extendEntry(
  entry: DocumentEntry,
  bytes: Uint8Array,
  index: Index,
  limits: StateLimits,
): DocumentEntry | undefined {
  const total = entry.base.length + entry.deltaBytes + bytes.length
  if (total > limits.documentBytesMax || !isSurelyPlain(bytes, entry.rootNode, entry.rootKind)) return undefined
  return appendDelta(entry, bytes, index, limits)
}

/** The document after a delta, or why it is refused. Results of the delta's operations go to `results`. */
export function changeEntry(
  entry: DocumentEntry,
  bytes: Uint8Array,
  delta: Delta,
  index: Index,
  limits: StateLimits,
  results: Uint8Array[],
): DocumentEntry | RefusalCode {
  const total = entry.base.length + entry.deltaBytes + bytes.length
  if (total <= limits.documentBytesMax && isPlain(entry.rootNode, entry.rootKind, delta)) {
    return appendDelta(entry, bytes, index, limits)
  }
  const graph = foldDocument(entry.base, deltasIn(entry.deltas))
  const refusal = applyDelta(graph, delta, limits.documentBytesMax, results)
  return refusal ?? foldedEntry(graph, entry.birth, index, limits)
}

/** The delta with these bytes; undefined when they are not one. */
export function deltaOf(bytes: Uint8Array): Delta | undefined {
  return decodeOrUndefined(bytes, decodeDelta)
}

/**
 * An entry from the bytes that a snapshot holds of it, after proof that they keep the invariant. Throws `Malformed`.
 * Not here: a check of birth and version, which have no meaning without the rest of the state.
 */
export function restoreEntry(
  birth: Index,
  version: Index,
  base: Uint8Array,
  deltas: readonly Uint8Array[],
  limits: StateLimits,
): DocumentEntry {
  const root = rootOf(decodeGraph(base))
  let deltaBytes = 0
  let log = emptyLog
  scratch.reset().bytes(base).finish()
  for (const delta of deltas) {
    const isKept =
      isSurelyPlain(delta, root.rootNode, root.rootKind) || isPlain(root.rootNode, root.rootKind, decodeDelta(delta))
    if (!isKept) throw new Malformed('a delta should be folded')
    deltaBytes += delta.length
    log = withDelta(log, delta)
    scratch.bytes(delta).finish()
  }
  if (base.length + deltaBytes > limits.documentBytesMax) throw new Malformed('a document is too large')
  const chain = { chainLow: scratch.low, chainHigh: scratch.high }
  const entry = { birth, version, base, deltas: log, deltaBytes, ...root, ...chain }
  if (mustFold(entry, limits)) throw new Malformed('a document should have been folded')
  return entry
}

/**
 * Whether the delta can be kept without a look at the document: it changes the root node only, each operation fits the
 * root's kind, uses nothing but atoms and has no result. Every part of such an operation takes at least the bytes that
 * it can add to the document.
 */
function isPlain(rootNode: number, rootKind: NodeKind | 'atom', delta: Delta): boolean {
  if (rootNode < 0 || delta.nodes.length > 0) return false
  for (const operation of delta.operations) {
    if (operation.node !== 'root' && operation.node !== rootNode) return false
    if (operation.path.length > 0 || !isPlainOn(rootKind, operation)) return false
  }
  return true
}

function isPlainOn(rootKind: NodeKind | 'atom', operation: Operation): boolean {
  switch (operation.kind) {
    case 'set':
      return isAtom(operation.value) && (rootKind === 'record' || rootKind === 'instance')
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

function appendDelta(entry: DocumentEntry, bytes: Uint8Array, index: Index, limits: StateLimits): DocumentEntry {
  scratch.low = entry.chainLow
  scratch.high = entry.chainHigh
  scratch.bytes(bytes).finish()
  const appended: DocumentEntry = {
    birth: entry.birth,
    version: index,
    base: entry.base,
    deltas: withDelta(entry.deltas, bytes),
    deltaBytes: entry.deltaBytes + bytes.length,
    rootNode: entry.rootNode,
    rootKind: entry.rootKind,
    chainLow: scratch.low,
    chainHigh: scratch.high,
  }
  if (!mustFold(appended, limits)) return appended
  const graph = foldDocument(appended.base, deltasIn(appended.deltas))
  const folded = foldedEntry(graph, entry.birth, index, limits)
  assert(typeof folded === 'object', 'a fold of plain deltas is never larger than they are')
  return folded
}

function mustFold(entry: DocumentEntry, limits: StateLimits): boolean {
  if (entry.deltas.count >= limits.deltasMax) return true
  return entry.deltaBytes > Math.max(limits.deltaBytesMin, entry.base.length)
}

function foldedEntry(graph: Graph, birth: Index, version: Index, limits: StateLimits): DocumentEntry | RefusalCode {
  const base = encodeGraph(graph)
  if (base.length > limits.documentBytesMax) return 'TOO_LARGE'
  const { rootNode, rootKind } = rootOf(graph)
  const { low, high } = scratch.reset().bytes(base).finish()
  return { birth, version, base, deltas: emptyLog, deltaBytes: 0, rootNode, rootKind, chainLow: low, chainHigh: high }
}

function rootOf(graph: Graph): { readonly rootNode: number; readonly rootKind: NodeKind | 'atom' } {
  const rootNode = isRef(graph.root) ? graph.root.ref : -1
  return { rootNode, rootKind: graph.nodes.get(rootNode)?.kind ?? 'atom' }
}

function decodeOrUndefined<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T | undefined {
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}
