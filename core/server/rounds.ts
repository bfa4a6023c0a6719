import type { Index } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'

interface Waiting<T> {
  readonly item: T
  round: number
  /** What was committed when the round began: the answer must not be older. */
  index: Index
}

/**
 * What the leader answers only after a quorum confirmed, in a round begun after the question arrived, that it still
 * leads (R2): reads, attaches and keepalives. Everything that arrives while a round is under way shares the next one.
 * Not here: the answers.
 */
export class Rounds<T> {
  readonly #core: ServerCore
  #waiting: Waiting<T>[] = []
  #begun = 0

  constructor(core: ServerCore) {
    this.#core = core
  }

  get size(): number {
    return this.#waiting.length
  }

  add(item: T): void {
    this.#waiting.push({ item, round: 0, index: 0 })
  }

  /** At the end of a turn, before replication: begins a round for what arrived since the last one began. */
  turn(): void {
    const { replica } = this.#core
    if (!this.#core.serves || replica === undefined || this.#waiting.length === 0) return
    const youngest = this.#waiting.at(-1)
    if (youngest === undefined || youngest.round !== 0 || replica.confirmedRound < this.#begun) return
    this.#begun = replica.beginRound()
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const waiting = this.#waiting[i] as Waiting<T>
      if (waiting.round !== 0) break
      waiting.round = this.#begun
      waiting.index = replica.commit
    }
  }

  /** Whatever may be answered now, oldest first. */
  take(appliedIndex: Index): readonly T[] {
    const { replica } = this.#core
    if (this.#waiting.length === 0 || replica === undefined) return []
    const confirmed = replica.confirmedRound
    let count = 0
    for (const { round, index } of this.#waiting) {
      if (round === 0 || round > confirmed || index > appliedIndex) break
      count++
    }
    return this.#waiting.splice(0, count).map(({ item }) => item)
  }

  /** This server stopped leading: nobody gets an answer from it. */
  clear(): void {
    this.#waiting = []
    this.#begun = 0
  }
}
