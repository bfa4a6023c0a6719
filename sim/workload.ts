import { foldDocument } from '../core/state/fold.ts'
import type { Answer, Query, Transaction, Write } from '../core/wire/command.ts'
import type { Index } from '../core/wire/ids.ts'
import type { Action, Ending, Observation } from './history.ts'
import type { Dice } from './prng.ts'
import { encodeAppend, encodeSet, encodeWorkDocument, workDocumentOf } from './work-document.ts'

/** The space in which simulated clients work. */
export const workSpace = 'work'

/** Draws what a worker does next: operations as data, each with a tag that nothing else in the run has. */
export class Workload {
  readonly #dice: Dice
  readonly #keys: number
  #tags = 0
  /** The version at which each key was last seen, for compare-and-set. */
  readonly #versions = new Map<string, Index>()

  constructor(dice: Dice, keys: number) {
    this.#dice = dice
    this.#keys = keys
  }

  next(worker: number, onlyReads: boolean): Action {
    const key = `k${this.#dice.intInclusive(0, this.#keys - 1)}`
    const space = workSpace
    const tag = `${worker}.${++this.#tags}`
    const n = this.#dice.intInclusive(0, 999)
    const choice = this.#dice.intInclusive(0, onlyReads ? 33 : 99)
    if (choice < 30) return { f: 'read', space, key }
    if (choice < 34) return { f: 'list', space, after: undefined, limit: this.#dice.intInclusive(1, this.#keys) }
    if (choice < 46) return { f: 'create', space, key, value: { n, by: tag, list: [`${tag}+`] } }
    if (choice < 60) return { f: 'write', space, key, n, by: tag }
    if (choice < 74) return { f: 'cas', space, key, version: this.#versions.get(key) ?? 0, n, by: tag }
    if (choice < 97) return { f: 'append', space, key, element: tag }
    return { f: 'delete', space, key, by: tag }
  }

  /** Learns versions from what was observed. */
  note(action: Action, ending: Ending): void {
    if (ending.type !== 'ok' || !('key' in action)) return
    const { observed } = ending
    if (observed.kind === 'document') this.#versions.set(action.key, observed.version)
    else if (observed.kind === 'executed') this.#versions.set(action.key, observed.index)
  }
}

/** A question if the action only reads, else the transaction that carries it out. */
export function requestOf(action: Action): { readonly query: Query } | { readonly transaction: Transaction } {
  switch (action.f) {
    case 'read':
      return { query: { kind: 'get', space: action.space, key: action.key } }
    case 'list':
      return { query: { kind: 'list', space: action.space, after: action.after, limit: action.limit } }
    default: {
      const { space, key } = action
      const reads = action.f === 'cas' ? [{ space, key, version: action.version }] : []
      return { transaction: { kind: 'transaction', after: [], reads, writes: writesOf(action) } }
    }
  }
}

/** What an answer shows, in the history's terms. */
export function observationOf(answer: Answer): Observation | undefined {
  switch (answer.kind) {
    case 'absent':
    case 'listing':
      return answer
    case 'document': {
      const value = workDocumentOf(foldDocument(answer.base, answer.deltas))
      const { index, birth, version } = answer
      return value === undefined ? undefined : { kind: 'document', index, birth, version, value }
    }
    case 'outcome':
    case 'barrier':
      return undefined
  }
}

function writesOf(action: Exclude<Action, { f: 'read' | 'list' }>): readonly Write[] {
  const at = { space: action.space, key: action.key }
  switch (action.f) {
    case 'create':
      return [{ ...at, kind: 'create', value: encodeWorkDocument(action.value) }]
    case 'write':
    case 'cas':
      return [{ ...at, kind: 'change', birth: 0, delta: encodeSet(action.n, action.by) }]
    case 'append':
      return [{ ...at, kind: 'change', birth: 0, delta: encodeAppend(action.element) }]
    case 'delete': {
      const tagged: Write[] =
        action.by === undefined ? [] : [{ ...at, kind: 'change', birth: 0, delta: encodeSet(0, action.by) }]
      return [...tagged, { ...at, kind: 'delete', birth: 0 }]
    }
  }
}
