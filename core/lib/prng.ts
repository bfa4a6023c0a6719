import { assert } from './assert.ts'
import { getU32 } from './bytes.ts'

/**
 * Chance as a function of a seed: sfc32, a small fast counting generator with 128 bits of state. Integers only.
 * Not here: secrecy. Identifiers that nobody may guess come from entropy, never from here.
 */
export class Prng {
  #a: number
  #b: number
  #c: number
  #counter: number

  /** The first sixteen bytes of `seed` are the state; more are ignored. */
  constructor(seed: Uint8Array) {
    assert(seed.length >= 16, 'a seed has sixteen bytes')
    this.#a = getU32(seed, 0)
    this.#b = getU32(seed, 4)
    this.#c = getU32(seed, 8)
    this.#counter = getU32(seed, 12)
    // The first outputs still resemble the seed.
    for (let i = 0; i < 12; i++) this.next()
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0
    this.#counter = (this.#counter + 1) >>> 0
    this.#a = (this.#b ^ (this.#b >>> 9)) >>> 0
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0
    return sum
  }

  /** A whole number from 0 to `bound - 1`, each equally likely; `bound` is from 1 to 2^32. */
  below(bound: number): number {
    assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, () => `no such bound: ${bound}`)
    // Numbers beyond the last whole multiple of the bound would favour the small results.
    const fair = 2 ** 32 - (2 ** 32 % bound)
    let drawn = this.next()
    while (drawn >= fair) drawn = this.next()
    return drawn % bound
  }
}
