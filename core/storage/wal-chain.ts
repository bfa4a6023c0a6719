import { must } from '../lib/assert.ts'
import type { Index } from '../wire/ids.ts'
import type { FoundFlush } from './wal-scan.ts'

/** Which of the flushes found make up the log, and where it ends. */
export interface Chain {
  /** The newest flush that counts; `undefined` when the newest that must be there is not. */
  readonly head: FoundFlush | undefined
  /** The flushes that the log behind the base is made of, oldest first. */
  readonly kept: readonly FoundFlush[]
  /** The log is clean up to here: at least the base. */
  readonly end: Index
  /** Entries behind `end` may have been acknowledged and are lost. */
  readonly damaged: boolean
  /** The newest flush was found, but not its payload: the crash cut it short. */
  readonly torn: boolean
}

/**
 * Follows the flushes from the newest one back to the base, the index that the snapshot covers.
 *
 * A flush is *proven* when a sound header names it, or one behind it, as its predecessor. What is proven was durable
 * and may have been acknowledged: if it can't be read, that is damage. What is newer was in flight when the server
 * died, and is given up if it is not whole.
 *
 * A flush that can't be read does no harm when everything it wrote was written again by later ones: it is *healed*. A
 * seal in the middle of the log always is.
 */
export function followChain(flushes: readonly FoundFlush[], base: Index): Chain {
  const proven = flushes.reduce((most, flush) => Math.max(most, flush.header.previous), 0)
  const newest = flushes.at(-1)
  const head =
    flushes.findLast((flush) => flush.header.sequence > proven && flush.records !== undefined) ??
    flushes.find((flush) => flush.header.sequence === proven && flush.records !== undefined)
  const walk = new Walk(flushes, base)
  if (head !== undefined) walk.fromHead(head)
  else if (proven > 0) walk.fromProven(proven)
  walk.run()
  const torn = newest !== undefined && newest.records === undefined && newest.header.sequence > proven
  return { head, kept: walk.kept.toReversed(), end: Math.max(walk.end, base), damaged: walk.damaged, torn }
}

class Walk {
  /** Newest first. */
  kept: FoundFlush[] = []
  end: Index = 0
  damaged = false
  readonly #flushes: readonly FoundFlush[]
  readonly #bySequence: ReadonlyMap<number, FoundFlush>
  readonly #base: Index
  /** Everything from here to `end` is in the flushes kept. */
  #floor: Index = 0
  /** The flush to visit next, 0 for none, and the one that names it as its predecessor. */
  #sequence = 0
  #successor: FoundFlush | undefined

  constructor(flushes: readonly FoundFlush[], base: Index) {
    this.#flushes = flushes
    this.#bySequence = new Map(flushes.map((flush) => [flush.header.sequence, flush]))
    this.#base = base
  }

  fromHead(head: FoundFlush): void {
    this.#sequence = head.header.sequence
    this.end = head.header.lastIndex
    this.#floor = this.end + 1
  }

  /** The newest proven flush can't be read; the torn one behind it tells what is known of it. */
  fromProven(sequence: number): void {
    this.#successor = this.#flushes.findLast((flush) => flush.header.previous === sequence)
    this.#sequence = sequence
    const successor = must(this.#successor, 'a flush is proven by nobody')
    this.end = this.#bySequence.get(sequence)?.header.lastIndex ?? successor.header.firstIndex - 1
    this.#floor = this.end + 1
  }

  /**
   * Goes back to the entry at the base, which tells whether the log belongs to the snapshot; but only what is behind it
   * is needed.
   */
  run(): void {
    while (this.#floor > Math.max(this.#base, 1) && this.#sequence !== 0) {
      const flush = this.#bySequence.get(this.#sequence)
      if (flush?.records !== undefined) this.#keep(flush)
      else if (this.#floor > this.#base + 1) this.#skip(flush)
      else return
    }
    if (this.#floor > this.#base + 1) this.#cut(this.#base + 1)
  }

  #keep(flush: FoundFlush): void {
    this.kept.push(flush)
    this.#floor = Math.min(this.#floor, flush.header.firstIndex)
    this.#goBackFrom(flush)
  }

  #skip(flush: FoundFlush | undefined): void {
    const resumed = this.#flushes.findLast((earlier) => earlier.header.sequence < this.#sequence)
    const lost = flush?.header.firstIndex ?? this.#lowestLost(resumed)
    if (this.#floor > lost) this.#cut(lost)
    if (flush !== undefined) this.#goBackFrom(flush)
    else this.#sequence = resumed?.header.sequence ?? 0
  }

  /** Entries from `lost` on are gone, and what was written behind them hangs in the air. */
  #cut(lost: Index): void {
    this.damaged = true
    this.kept = []
    this.end = lost - 1
    this.#floor = lost
  }

  #goBackFrom(flush: FoundFlush): void {
    this.#successor = flush
    this.#sequence = flush.header.previous
  }

  /**
   * The lowest index that a flush without a header may have written. Its successor knows, as long as it is the only one
   * missing; with more than one missing, or at the start of a life, only what was committed before is certain to have
   * been left alone.
   */
  #lowestLost(resumed: FoundFlush | undefined): Index {
    const successor = must(this.#successor, 'a flush is missing before the newest').header
    if (resumed === undefined) return successor.previousFirst
    const alone = resumed.header.sequence === this.#sequence - 1 && resumed.header.segment === successor.segment
    return alone ? successor.previousFirst : Math.min(successor.previousFirst, resumed.header.commit + 1)
  }
}
