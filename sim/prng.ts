import seedrandom from 'seedrandom'
import { assert } from '../core/lib/assert.ts'

/**
 * The chance of a simulated world: integers from a named stream. The same seed and label give the same draws on every
 * platform.
 */
export interface Dice {
  /** Raw 32-bit draws taken from this stream so far; draws of its forks do not count. */
  readonly draws: number
  /** The latest raw draw, 0 before the first. */
  readonly last: number
  /** The stream's name: the seed and the labels that lead to it. */
  readonly path: string
  /** A whole number with `min <= number <= max`, each as likely as the others. */
  intInclusive(min: number, max: number): number
  /** True in `numerator` of `denominator` cases. Draws nothing when the answer is certain. */
  chance(numerator: number, denominator: number): boolean
  pick<T>(items: readonly T[]): T
  /** A copy of the items in random order. */
  shuffle<T>(items: readonly T[]): T[]
  /** A whole number of at least 0 from the exponential distribution with this mean, rounded down. */
  exponential(mean: number): number
  bytes(count: number): Uint8Array
  /** A stream of its own: drawing from it moves no other. A label is forked once. */
  fork(label: string): Dice
}

/** The stream of a whole world; everything else is forked from it. */
export function createDice(seed: string): Dice {
  assert(seed !== '', 'a seed is never empty')
  return new Stream(seed)
}

const rawSpan = 0x1_0000_0000
/** Above this an integer takes two draws. Products below it stay exact in a double. */
const spanMax = 2 ** 53

/**
 * A stream over Alea, which uses only sums and products of doubles and so yields equal bits everywhere.
 * Invariant: what a fork yields depends on the path alone, so a fork may be added or dropped without moving its
 * siblings.
 * Not here: Math.random, which seedrandom touches only when called without a seed.
 */
class Stream implements Dice {
  readonly path: string
  readonly #next: () => number
  readonly #labels = new Set<string>()
  #draws = 0
  #last = 0

  constructor(path: string) {
    this.path = path
    this.#next = seedrandom.alea(path)
  }

  get draws(): number {
    return this.#draws
  }

  get last(): number {
    return this.#last
  }

  intInclusive(min: number, max: number): number {
    assert(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max, () => `no integer in ${min}..${max}`)
    const span = max - min + 1
    if (span <= rawSpan) return min + Math.floor((this.#raw() / rawSpan) * span)
    assert(span <= spanMax, 'the range is too wide')
    const high = this.#raw() >>> 11
    return min + Math.floor(((high * rawSpan + this.#raw()) / spanMax) * span)
  }

  chance(numerator: number, denominator: number): boolean {
    if (numerator <= 0) return false
    if (numerator >= denominator) return true
    return this.intInclusive(1, denominator) <= numerator
  }

  pick<T>(items: readonly T[]): T {
    assert(items.length > 0, 'nothing to pick from')
    return items[this.intInclusive(0, items.length - 1)] as T
  }

  shuffle<T>(items: readonly T[]): T[] {
    const mixed = items.slice()
    for (let i = mixed.length - 1; i > 0; i--) {
      const j = this.intInclusive(0, i)
      const moved = mixed[i] as T
      mixed[i] = mixed[j] as T
      mixed[j] = moved
    }
    return mixed
  }

  /**
   * By von Neumann's comparisons: the first of a falling run of uniform numbers is kept when the run has odd length,
   * else one is added and a new run starts. No logarithm, whose last bit differs between platforms.
   */
  exponential(mean: number): number {
    assert(Number.isFinite(mean) && mean >= 0, 'a mean is not negative')
    if (mean === 0) return 0
    for (let whole = 0; ; whole++) {
      const first = this.#raw()
      let odd = true
      for (let before = first; ; odd = !odd) {
        const following = this.#raw()
        if (following >= before) break
        before = following
      }
      if (odd) return Math.floor((whole + first / rawSpan) * mean)
    }
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; ) {
      const raw = this.#raw()
      for (let shift = 0; shift < 32 && at < count; shift += 8) bytes[at++] = raw >>> shift
    }
    return bytes
  }

  fork(label: string): Dice {
    assert(label !== '' && !label.includes('/'), () => `not a label: ${label}`)
    assert(!this.#labels.has(label), () => `two streams would be the same: ${this.path}/${label}`)
    this.#labels.add(label)
    return new Stream(`${this.path}/${label}`)
  }

  #raw(): number {
    this.#draws++
    this.#last = this.#next() * rawSpan
    return this.#last
  }
}
