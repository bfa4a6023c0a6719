import { describe, expect, it } from 'vitest'
import { Prng } from './prng.ts'

const seedOf = (first: number) => Uint8Array.from({ length: 16 }, (_, i) => (first + i * 7) & 0xff)
const draw = (prng: Prng, count: number) => Array.from({ length: count }, () => prng.next())

describe('the seeded generator', () => {
  it('gives the same numbers for the same seed and others for another', () => {
    const numbers = draw(new Prng(seedOf(1)), 50)
    expect(draw(new Prng(seedOf(1)), 50)).toEqual(numbers)
    expect(draw(new Prng(seedOf(2)), 50)).not.toEqual(numbers)
  })

  it('lets each of the sixteen bytes of the seed matter', () => {
    const first = draw(new Prng(seedOf(3)), 4).join()
    for (let i = 0; i < 16; i++) {
      const seed = seedOf(3)
      seed[i] = (seed[i] ?? 0) ^ 1
      expect(draw(new Prng(seed), 4).join()).not.toBe(first)
    }
  })

  it('draws unsigned numbers of 32 bits', () => {
    for (const number of draw(new Prng(seedOf(4)), 1000)) {
      expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true)
    }
  })

  it('spreads below a bound evenly and never reaches it', () => {
    const prng = new Prng(seedOf(5))
    const counts = [0, 0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 7000; i++) {
      const drawn = prng.below(7)
      counts[drawn] = (counts[drawn] ?? Number.NaN) + 1
    }
    expect(counts).toHaveLength(7)
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it('does not favour small numbers when the bound is large', () => {
    const prng = new Prng(seedOf(6))
    const bound = 3 * 2 ** 30
    let upper = 0
    for (let i = 0; i < 3000; i++) if (prng.below(bound) >= 2 * 2 ** 30) upper++
    expect(Math.abs(upper - 1000)).toBeLessThan(150)
  })

  it('refuses a short seed and a bound it can not serve', () => {
    expect(() => new Prng(new Uint8Array(15))).toThrow('sixteen bytes')
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1])
      expect(() => new Prng(seedOf(7)).below(bound)).toThrow('no such bound')
    expect(new Prng(seedOf(7)).below(1)).toBe(0)
    expect(new Prng(seedOf(7)).below(2 ** 32)).toBeLessThan(2 ** 32)
  })
})
