import { foldDocument } from '../core/state/fold.ts'
import type { Answer } from '../core/wire/command.ts'
import type { Index } from '../core/wire/ids.ts'
import { Accounts } from './accounts.ts'
import type { Action, Ending, Observation } from './history.ts'
import type { Dice } from './prng.ts'
import { workDocumentOf } from './work-document.ts'

/** The space in which simulated clients work. */
export const workSpace = 'work'

/** What is known of a key: the version for compare-and-set, the birth for changes of that very document. */
interface Known {
  readonly version: Index
  readonly birth: Index
}

const unknown: Known = { version: 0, birth: 0 }

/** Draws what a worker does next: operations as data, each with a tag that nothing else in the run has. */
export class Workload {
  readonly #dice: Dice
  readonly #keys: number
  readonly #largeBytesMax: number
  readonly #accounts: Accounts
  #tags = 0
  readonly #known = new Map<string, Known>()

  /** `largeBytesMax`: how large a document is created now and then; 0 for never. */
  constructor(dice: Dice, keys: number, largeBytesMax = 0) {
    this.#dice = dice
    this.#keys = keys
    this.#largeBytesMax = largeBytesMax
    this.#accounts = new Accounts(dice.fork('accounts'))
  }

  next(worker: number, onlyReads: boolean): Action {
    const key = `k${this.#dice.intInclusive(0, this.#keys - 1)}`
    const space = workSpace
    const tag = `${worker}.${++this.#tags}`
    const n = this.#dice.intInclusive(0, 999)
    const choice = this.#dice.intInclusive(0, onlyReads ? 33 : 119)
    if (choice < 30) return { f: 'read', space, key }
    if (choice < 34) return { f: 'list', space, after: undefined, limit: this.#dice.intInclusive(1, this.#keys) }
    if (choice >= 100) return this.#accounts.next(tag)
    if (choice < 46) return this.#create(key, n, tag)
    const { version } = this.#known.get(key) ?? unknown
    if (choice >= 60 && choice < 70) return { f: 'cas', space, key, version, n, by: tag }
    const birth = this.#birthOf(key)
    if (choice < 60) return { f: 'write', space, key, birth, n, by: tag }
    if (choice < 78) return { f: 'increment', space, key, birth, amount: this.#dice.intInclusive(-9, 99), by: tag }
    if (choice < 97) return { f: 'append', space, key, birth, element: tag }
    return { f: 'delete', space, key, birth, by: tag }
  }

  /** Learns versions from what was observed. */
  note(action: Action, ending: Ending): void {
    this.#accounts.note(action, ending)
    if (ending.type !== 'ok' || !('key' in action) || action.space !== workSpace) return
    const { observed } = ending
    if (observed.kind === 'document') this.#known.set(action.key, observed)
    else if (observed.kind === 'executed') {
      const version = observed.index
      const birth = action.f === 'create' ? version : (this.#known.get(action.key)?.birth ?? 0)
      this.#known.set(action.key, { version, birth })
    }
  }

  /** Some hold on to the document that they know, which may be another by now; most take whichever is there. */
  #birthOf(key: string): Index | undefined {
    const { birth } = this.#known.get(key) ?? unknown
    return birth > 0 && this.#dice.chance(1, 4) ? birth : undefined
  }

  #create(key: string, n: number, tag: string): Action {
    const list = [`${tag}+`]
    if (this.#largeBytesMax > 0 && this.#dice.chance(1, 40))
      list.push(`${tag}-`.padEnd(this.#dice.intInclusive(this.#largeBytesMax >> 1, this.#largeBytesMax), '.'))
    return { f: 'create', space: workSpace, key, value: { n, by: tag, list } }
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
