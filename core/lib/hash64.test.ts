import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Hash64, HashSum, hashText } from './hash64.ts'

const text = (feed: (hash: Hash64) => Hash64) => hashText(feed(new Hash64().reset()).finish())

describe('the 64-bit hash', () => {
  test('never runs two neighbouring values together', () => {
    expect(text((h) => h.text('ab').text('c'))).not.toBe(text((h) => h.text('a').text('bc')))
    expect(text((h) => h.bytes(Uint8Array.of(1)).bytes(Uint8Array.of()))).not.toBe(
      text((h) => h.bytes(Uint8Array.of()).bytes(Uint8Array.of(1))),
    )
    expect(text((h) => h.uint(2 ** 32))).not.toBe(text((h) => h.uint(0)))
    expect(text((h) => h.uint(2 ** 40 + 1))).not.toBe(text((h) => h.uint(1)))
  })

  test('finds no two equal hashes among a hundred thousand similar inputs, not even in one half', () => {
    const lows = new Set<number>()
    const wholes = new Set<string>()
    for (let i = 0; i < 100_000; i++) {
      const hash = new Hash64()
        .reset()
        .text(`key:${i}`)
        .uint(i >> 3)
        .finish()
      lows.add(hash.low)
      wholes.add(hashText(hash))
    }
    expect(wholes.size).toBe(100_000)
    expect(lows.size).toBeGreaterThan(99_980)
  })

  test('changes about half of its bits with any one bit of input', () => {
    let changed = 0
    const base = Uint8Array.from({ length: 32 }, (_, i) => i * 7)
    const before = new Hash64().reset().bytes(base).finish()
    for (let bit = 0; bit < 256; bit++) {
      const other = base.slice()
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7))
      const after = new Hash64().reset().bytes(other).finish()
      changed += ones(before.low ^ after.low) + ones(before.high ^ after.high)
    }
    expect(changed / 256).toBeGreaterThan(28)
    expect(changed / 256).toBeLessThan(36)
  })

  test('sums to the same whatever the order, and subtraction undoes addition', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (members, extra) => {
        const forth = new HashSum()
        const back = new HashSum()
        for (const member of members) forth.add(new Hash64().reset().text(member).finish())
        back.add(new Hash64().reset().text(extra).finish())
        for (const member of [...members].reverse()) back.add(new Hash64().reset().text(member).finish())
        back.subtract(new Hash64().reset().text(extra).finish())
        expect(hashText(back)).toBe(hashText(forth))
      }),
      { seed: 8, numRuns: 50 },
    )
  })
})

function ones(bits: number): number {
  let count = 0
  for (let rest = bits >>> 0; rest !== 0; rest >>>= 1) count += rest & 1
  return count
}
