import { Malformed } from '../core/lib/bytes.ts'
import { decodeDelta, encodeDelta } from '../core/wire/delta-codec.ts'
import { decodeGraph, encodeGraph } from '../core/wire/graph-codec.ts'
import { type Graph, type GraphNode, type GraphValue, isRef, type Operation, ref } from '../core/wire/value.ts'

/**
 * What every document of a simulated workload holds: a number and the tag of the operation that wrote it, always set
 * together, and a list of unique elements. Tags and elements are never used twice, so every value names the operation
 * it came from.
 */
export interface WorkDocument {
  readonly n: number
  readonly by: string
  readonly list: readonly string[]
}

/** One step of a delta, in the workload's terms. */
export type WorkChange =
  | { readonly kind: 'set-n'; readonly n: number }
  | { readonly kind: 'add-n'; readonly amount: number }
  | { readonly kind: 'set-by'; readonly by: string }
  | { readonly kind: 'append'; readonly elements: readonly string[] }

const rootId = 0
const listId = 1

/** The value of a `create` write. */
export function encodeWorkDocument(document: WorkDocument): Uint8Array {
  const fields = new Map<string, GraphValue>([
    ['n', document.n],
    ['by', document.by],
    ['list', ref(listId)],
  ])
  const nodes = new Map<number, GraphNode>([
    [rootId, { kind: 'record', fields }],
    [listId, { kind: 'array', items: [...document.list] }],
  ])
  return encodeGraph({ nodes, root: ref(rootId), nextNode: listId + 1 })
}

/** A delta that sets the number and its tag. */
export function encodeSet(n: number, by: string): Uint8Array {
  const target = { node: 'root', path: [] } as const
  const setN = { ...target, kind: 'set', name: 'n', value: n } as const
  return encodeDelta({ nodes: [], operations: [setN, { ...target, kind: 'set', name: 'by', value: by }] })
}

/** A delta that adds to the number, with the sum as its result, and sets the tag. */
export function encodeIncrement(amount: number, by: string): Uint8Array {
  const target = { node: 'root', path: [] } as const
  const add = { ...target, kind: 'increment', key: 'n', amount } as const
  return encodeDelta({ nodes: [], operations: [add, { ...target, kind: 'set', name: 'by', value: by }] })
}

/** A delta that appends one element to the list. */
export function encodeAppend(element: string): Uint8Array {
  return encodeDelta({ nodes: [], operations: [{ kind: 'append', node: 'root', path: ['list'], values: [element] }] })
}

/** The document that a `create` write brings; undefined when the bytes are not one of the workload's. */
export function decodeWorkDocument(bytes: Uint8Array): WorkDocument | undefined {
  return unlessMalformed(() => workDocumentOf(decodeGraph(bytes)))
}

/** What a graph holds in the workload's terms; undefined when it is not one of the workload's documents. */
export function workDocumentOf(graph: Graph): WorkDocument | undefined {
  const root = isRef(graph.root) ? graph.nodes.get(graph.root.ref) : undefined
  if (root?.kind !== 'record' || root.fields.size !== 3) return undefined
  const n = root.fields.get('n')
  const by = root.fields.get('by')
  const listRef = root.fields.get('list')
  const list = listRef !== undefined && isRef(listRef) ? graph.nodes.get(listRef.ref) : undefined
  if (typeof n !== 'number' || typeof by !== 'string' || list?.kind !== 'array') return undefined
  const elements = textsOf(list.items)
  return elements === undefined ? undefined : { n, by, list: elements }
}

/** What a delta of the workload does, without the code that the servers run; undefined when it does anything else. */
export function decodeWorkChanges(bytes: Uint8Array): readonly WorkChange[] | undefined {
  return unlessMalformed(() => {
    const changes = decodeDelta(bytes).operations.map(workChangeOf)
    const known = changes.filter((change) => change !== undefined)
    return known.length === changes.length ? known : undefined
  })
}

/** Same content, element by element. */
export function sameWorkDocument(a: WorkDocument, b: WorkDocument): boolean {
  return Object.is(a.n, b.n) && a.by === b.by && sameTexts(a.list, b.list)
}

export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i])
}

function workChangeOf(operation: Operation): WorkChange | undefined {
  const atRoot = operation.node === 'root' || operation.node === rootId
  if (operation.kind === 'set' && atRoot && operation.path.length === 0) {
    if (operation.name === 'n' && typeof operation.value === 'number') return { kind: 'set-n', n: operation.value }
    if (operation.name === 'by' && typeof operation.value === 'string') return { kind: 'set-by', by: operation.value }
  }
  if (operation.kind === 'increment' && atRoot && operation.path.length === 0) {
    const { key, amount } = operation
    return key === 'n' && typeof amount === 'number' ? { kind: 'add-n', amount } : undefined
  }
  if (operation.kind !== 'append') return undefined
  const fromRoot = atRoot && operation.path.length === 1 && operation.path[0] === 'list'
  const atList = operation.node === listId && operation.path.length === 0
  const elements = textsOf(operation.values)
  return (fromRoot || atList) && elements !== undefined ? { kind: 'append', elements } : undefined
}

function textsOf(values: readonly unknown[]): readonly string[] | undefined {
  const texts = values.filter((value) => typeof value === 'string')
  return texts.length === values.length ? texts : undefined
}

function unlessMalformed<T>(decode: () => T | undefined): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}
