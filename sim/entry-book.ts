import { assert } from '../core/lib/assert.ts'
import type { Index, Term } from '../core/wire/ids.ts'
import type { Run } from '../core/wire/run.ts'

interface Noted {
  readonly kind: string
  readonly stampMs: number
  readonly hash: number
  /** Undefined while nobody could tell: the entry before was compacted away. */
  previousTerm: Term | undefined
}

const termsMax = 2 ** 20

/**
 * Every entry that any server ever had, by index and term: two logs that agree in those agree in the entry, and in the
 * term of the one before it (Log Matching, by induction).
 */
export class EntryBook {
  readonly #entries = new Map<number, Noted>()

  /** Notes an entry; returns in words how it differs from the one known by this index and term, if it does. */
  note(index: Index, run: Run, hash: number, previousTerm: Term | undefined): string | undefined {
    assert(run.term < termsMax, 'a world has fewer terms')
    const name = index * termsMax + run.term
    const { kind, stampMs } = run
    const known = this.#entries.get(name)
    if (known === undefined) {
      this.#entries.set(name, { kind, stampMs, hash, previousTerm })
      return undefined
    }
    if (known.hash !== hash || known.kind !== kind || known.stampMs !== stampMs)
      return `${kind} ${stampMs} ${hash.toString(16)}, not ${known.kind} ${known.stampMs} ${known.hash.toString(16)}`
    if (known.previousTerm === undefined) known.previousTerm = previousTerm
    if (previousTerm === undefined || known.previousTerm === previousTerm) return undefined
    return `the entry before it has term ${previousTerm}, not ${known.previousTerm}`
  }
}
