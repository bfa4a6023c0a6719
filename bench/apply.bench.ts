import { assert } from '../core/lib/assert.ts'
import { ReplicatedState } from '../core/state/replicated-state.ts'
import type { Transaction, Write } from '../core/wire/command.ts'
import { encodeCommand } from '../core/wire/command-codec.ts'
import { encodeDelta } from '../core/wire/delta-codec.ts'
import { encodeGraph } from '../core/wire/graph-codec.ts'
import type { ClientIndex, HistoryId } from '../core/wire/ids.ts'
import { ref } from '../core/wire/value.ts'
import { createDocuments, documentBytes, keyOf, loadSpace, setBytes } from './load-documents.ts'
import type { MicroCase } from './micro.ts'

const client = 2 as ClientIndex
/** Requests acknowledged so far below the newest one: what a client in full flow leaves. */
const unacknowledged = 256
const created = 1000

/** A state with documents, and a client that goes on committing to it. */
class Applied {
  readonly #state = new ReplicatedState()
  #index = 2
  #number = 0

  constructor(documents: number) {
    const history = '0123456789abcdef' as HistoryId
    this.#state.apply(1, 0, encodeCommand({ kind: 'found', history, servers: 'a=b:1' }))
    this.#state.apply(2, 0, encodeCommand({ kind: 'register', nonce: new Uint8Array(16) }))
    for (let made = 0; made < documents; made += created) this.commit(createDocuments(made, created))
  }

  commit(body: Transaction): void {
    const number = ++this.#number
    const ackedBelow = Math.max(1, number - unacknowledged)
    const command = encodeCommand({ kind: 'request', client, number, ackedBelow, body })
    const applied = this.#state.apply(++this.#index, 0, command)
    assert(applied.kind === 'result' && applied.result.outcome.kind === 'executed', 'a commit was refused')
  }
}

function ofWrites(...writes: readonly Write[]): Transaction {
  return { kind: 'transaction', after: [], reads: [], writes }
}

/** Visits documents in an order that no cache likes. */
function nth(n: number, documents: number): number {
  return (n * 7919) % documents
}

function changes(documents: number): MicroCase {
  return {
    name: `set a field, ${documents} documents`,
    count: 1,
    prepare() {
      const applied = new Applied(documents)
      let n = 0
      return () => {
        const key = keyOf(nth(++n, documents))
        applied.commit(ofWrites({ kind: 'change', space: loadSpace, key, birth: 0, delta: setBytes(n) }))
      }
    },
  }
}

function appends(documents: number): MicroCase {
  const list = encodeGraph({ nodes: new Map([[0, { kind: 'array', items: [] }]]), root: ref(0), nextNode: 1 })
  const delta = encodeDelta({
    nodes: [],
    operations: [{ kind: 'append', node: 'root', path: [], values: ['x'.repeat(100)] }],
  })
  return {
    name: `append to a list, ${documents} documents`,
    count: 1,
    prepare() {
      const applied = new Applied(documents)
      const lists = 1000
      for (let i = 0; i < lists; i++)
        applied.commit(ofWrites({ kind: 'create', space: 'lists', key: keyOf(i), value: list }))
      let n = 0
      return () => {
        const key = keyOf(nth(++n, lists))
        // Were lists only ever to grow, their length would be measured: in every twentieth round they begin anew.
        if (Math.floor(n / lists) % 20 === 19) {
          applied.commit(ofWrites({ kind: 'delete', space: 'lists', key, birth: 0 }))
          applied.commit(ofWrites({ kind: 'create', space: 'lists', key, value: list }))
        } else applied.commit(ofWrites({ kind: 'change', space: 'lists', key, birth: 0, delta }))
      }
    },
  }
}

function creates(documents: number): MicroCase {
  return {
    name: `create and delete, ${documents} documents`,
    count: 1,
    prepare() {
      const applied = new Applied(documents)
      let n = documents
      return () => {
        const key = keyOf(++n)
        applied.commit(ofWrites({ kind: 'create', space: loadSpace, key, value: documentBytes(n) }))
        applied.commit(ofWrites({ kind: 'delete', space: loadSpace, key, birth: 0 }))
      }
    },
  }
}

/** What applying an entry costs a server, the encoding of the command included. */
export const applyCases: readonly MicroCase[] = [1000, 100_000].flatMap((documents) => [
  changes(documents),
  appends(documents),
  creates(documents),
])
