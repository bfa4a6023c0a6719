import { assert } from '../../core/lib/assert.ts'
import type { Command } from '../../core/wire/command.ts'
import { encodeCommand } from '../../core/wire/command-codec.ts'
import type { ClientIndex, Index } from '../../core/wire/ids.ts'
import { type Action, type Ending, History, type Observation } from '../history.ts'
import { requestOf } from '../request-of.ts'
import type { WorkDocument } from '../work-document.ts'
import type { CommittedEntry, FinalState, HeldDocument } from './types.ts'

export const space = 's'

/**
 * Tells what a group and its clients did, step by step, for the tests of the checkers. It writes the log; what clients
 * saw is said by the test, so that the test can lie. Time moves by 10 us with every beginning and every end.
 */
export class Story {
  readonly log: CommittedEntry[] = []
  readonly history = new History(8)
  readonly #numbers = new Map<number, number>()
  #nowUs = 0

  /** Registers a client; returns its index. */
  register(): Index {
    return this.commit({ kind: 'register', nonce: new Uint8Array(16).fill(this.log.length) })
  }

  commit(command: Command): Index {
    return this.commitPayload(encodeCommand(command))
  }

  commitPayload(payload: Uint8Array): Index {
    const index = this.log.length + 1
    this.log.push({ index, term: 1, stampMs: index, kind: 'data', payload, hash: index })
    return index
  }

  /** Appends the client's next request for this action; returns its index. `number` repeats an earlier request. */
  request(
    client: Index,
    action: Action,
    number = (this.#numbers.get(client) ?? 0) + 1,
    after: readonly number[] = [],
  ): Index {
    this.#numbers.set(client, Math.max(number, this.#numbers.get(client) ?? 0))
    const asked = requestOf(action)
    assert('transaction' in asked, 'a read leaves nothing in the log')
    const body = { ...asked.transaction, after }
    return this.commit({ kind: 'request', client: client as ClientIndex, number, ackedBelow: 1, body })
  }

  /** Begins an operation of a worker, who is its own session; returns its id. */
  begin(worker: number, action: Action, client = worker): number {
    this.#nowUs += 10
    return this.history.invoke(worker, client, action, this.#nowUs)
  }

  end(id: number, ending: Ending): void {
    this.#nowUs += 10
    this.history.end(id, this.#nowUs, ending)
  }

  /** A whole operation: what the worker asked and what it was told. */
  tell(worker: number, action: Action, observed: Observation | Ending): void {
    this.end(this.begin(worker, action), 'type' in observed ? observed : { type: 'ok', observed })
  }

  /** A change that goes as it should: it is in the log, and the worker is told so. Returns its index. */
  change(worker: number, client: Index, action: Action): Index {
    const id = this.begin(worker, action)
    const index = this.request(client, action)
    this.end(id, { type: 'ok', observed: { kind: 'executed', index } })
    return index
  }
}

export function executed(index: Index): Observation {
  return { kind: 'executed', index }
}

export function absent(index: Index): Observation {
  return { kind: 'absent', index }
}

export function saw(index: Index, birth: Index, version: Index, value: WorkDocument): Observation {
  return { kind: 'document', index, birth, version, value }
}

export function value(n: number, by: string, ...list: string[]): WorkDocument {
  return { n, by, list }
}

export function read(key: string): Action {
  return { f: 'read', space, key }
}

export function create(key: string, by: string, ...list: string[]): Action {
  return { f: 'create', space, key, value: value(0, by, ...list) }
}

export function write(key: string, n: number, by: string): Action {
  return { f: 'write', space, key, n, by }
}

export function cas(key: string, version: Index, n: number, by: string): Action {
  return { f: 'cas', space, key, version, n, by }
}

export function append(key: string, element: string): Action {
  return { f: 'append', space, key, element }
}

export function remove(key: string, by?: string): Action {
  return { f: 'delete', space, key, by }
}

export function list(after: string | undefined, limit: number): Action {
  return { f: 'list', space, after, limit }
}

export function held(key: string, birth: Index, version: Index, document: WorkDocument): HeldDocument {
  return { space, key, birth, version, value: document }
}

export function holds(server: string, appliedIndex: Index, ...documents: HeldDocument[]): FinalState {
  return { server, appliedIndex, documents }
}
