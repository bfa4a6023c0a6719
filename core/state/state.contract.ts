import type { Answer, Outcome, ReadVersion, Transaction, Write } from '../wire/command.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import { encodeDelta } from '../wire/delta-codec.ts'
import { encodeGraph } from '../wire/graph-codec.ts'
import type { ClientIndex } from '../wire/ids.ts'
import {
  type Atom,
  type Delta,
  type DeltaValue,
  type Graph,
  type GraphNode,
  isAtom,
  isRef,
  type Operation,
  ref,
} from '../wire/value.ts'
import type { Applied } from './applied.ts'
import { foldDocument } from './fold.ts'
import type { StateLimits } from './limits.ts'
import { ReplicatedState } from './replicated-state.ts'

/** A state with one registered client, and short ways to speak to it, for tests. */
export class Bench {
  state: ReplicatedState
  client: ClientIndex
  nextNumber = 1
  stampMs = 1000

  constructor(limits: Partial<StateLimits> = {}) {
    this.state = new ReplicatedState(limits)
    this.client = this.register(7)
  }

  apply(payload: Uint8Array): Applied {
    return this.state.apply(this.state.appliedIndex + 1, this.stampMs, payload)
  }

  register(nonce: number): ClientIndex {
    const applied = this.apply(encodeCommand({ kind: 'register', nonce: new Uint8Array(16).fill(nonce) }))
    if (applied.kind !== 'registered') throw new Error(`not registered: ${applied.kind}`)
    return applied.client
  }

  request(parts: Partial<Transaction> = {}, number = this.nextNumber++, ackedBelow = 1): Uint8Array {
    const body: Transaction = { kind: 'transaction', after: [], reads: [], writes: [], ...parts }
    return encodeCommand({ kind: 'request', client: this.client, number, ackedBelow, body })
  }

  /** Applies one transaction of the client and gives its outcome. */
  transact(writes: readonly Write[], reads: readonly ReadVersion[] = [], after: readonly number[] = []): Outcome {
    const applied = this.apply(this.request({ writes, reads, after }))
    if (applied.kind !== 'result') throw new Error(`no result: ${applied.kind}`)
    return applied.result.outcome
  }

  /** The document as a graph; undefined when there is none. */
  graph(key: string, space = 's'): Graph | undefined {
    const answer = this.state.answer({ kind: 'get', space, key })
    return answer.kind === 'document' ? foldDocument(answer.base, answer.deltas) : undefined
  }

  /** The document as plain data of JavaScript, as far as it has no cycles. */
  plain(key: string, space = 's'): unknown {
    const graph = this.graph(key, space)
    return graph === undefined ? undefined : plain(graph, graph.root)
  }

  version(key: string, space = 's'): number {
    return (this.state.answer({ kind: 'get', space, key }) as Extract<Answer, { kind: 'document' }>).version ?? 0
  }
}

export function create(key: string, value: Graph, space = 's'): Write {
  return { kind: 'create', space, key, value: encodeGraph(value) }
}

export function remove(key: string, birth = 0, space = 's'): Write {
  return { kind: 'delete', space, key, birth }
}

/** A change by these operations; `nodes` are the delta's new nodes. */
export function change(key: string, operations: readonly Operation[], nodes: Delta['nodes'] = [], birth = 0): Write {
  return { kind: 'change', space: 's', key, birth, delta: encodeDelta({ nodes, operations }) }
}

export function set(
  name: string,
  value: DeltaValue,
  node: number | 'root' = 'root',
  path: readonly Atom[] = [],
): Operation {
  return { kind: 'set', node, path, name, value }
}

/** A graph from plain data: objects become records, arrays arrays, in order of a walk in depth. */
export function graphOf(data: unknown): Graph {
  const nodes = new Map<number, GraphNode>()
  const build = (value: unknown): Atom | ReturnType<typeof ref> => {
    if (typeof value !== 'object' || value === null) return value as Atom
    const id = nodes.size
    if (Array.isArray(value)) {
      const items: DeltaValue[] = []
      nodes.set(id, { kind: 'array', items: items as Atom[] })
      for (const item of value) items.push(build(item))
      return ref(id)
    }
    const fields = new Map<string, Atom | ReturnType<typeof ref>>()
    nodes.set(id, { kind: 'record', fields })
    for (const [name, field] of Object.entries(value)) fields.set(name, build(field))
    return ref(id)
  }
  const root = build(data)
  return { root, nodes, nextNode: nodes.size }
}

function plain(graph: Graph, value: DeltaValue): unknown {
  if (isAtom(value)) return value
  const node = isRef(value) ? graph.nodes.get(value.ref) : undefined
  switch (node?.kind) {
    case 'record':
    case 'instance':
      return Object.fromEntries([...node.fields].map(([name, each]) => [name, plain(graph, each)]))
    case 'array':
      return node.items.map((each) => plain(graph, each))
    case 'map':
      return new Map([...node.entries.values()].map((each) => [plain(graph, each.key), plain(graph, each.value)]))
    case 'set':
      return new Set([...node.items.values()].map((each) => plain(graph, each)))
    default:
      throw new Error('a reference finds no node')
  }
}
