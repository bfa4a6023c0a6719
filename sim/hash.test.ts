import { describe, expect, it } from 'vitest'
import { firstDivergence, TraceHash } from './hash.ts'

function run(events: number, oddAt = -1, every = 16): TraceHash {
  const hash = new TraceHash(every)
  for (let i = 0; i < events; i++) {
    hash.int(i === oddAt ? -1 : i)
    hash.text('frame')
    hash.bytes(Uint8Array.of(1, 2, 3, i))
    hash.mark()
  }
  return hash
}

describe('trace hash', () => {
  it('is equal for equal runs and pins its value', () => {
    expect(run(1000).value).toBe(run(1000).value)
    expect(run(3).value).toBe(1_954_693_660)
  })

  it('tells apart what differs in one bit, one byte more, or the order', () => {
    const values = new Set<number>()
    const add = (fill: (hash: TraceHash) => void) => {
      const hash = new TraceHash()
      fill(hash)
      values.add(hash.value)
    }
    add((hash) => hash.bytes(Uint8Array.of(0)))
    add((hash) => hash.bytes(Uint8Array.of(0, 0)))
    add((hash) => hash.bytes(new Uint8Array(0)))
    add((hash) => hash.bytes(Uint8Array.of(1)))
    add((hash) => hash.text('ab'))
    add((hash) => hash.text('ba'))
    add((hash) => hash.number(0.1))
    add((hash) => hash.number(-0))
    add((hash) => hash.number(0))
    add((hash) => hash.number(2 ** 40))
    add((hash) => hash.number(2 ** 41))
    expect(values.size).toBe(11)
  })

  it('bisects two runs to the checkpoint in which they part', () => {
    for (const oddAt of [0, 15, 16, 500, 983]) {
      const from = Math.floor(oddAt / 16) * 16
      expect(firstDivergence(run(1000), run(1000, oddAt))).toEqual({ from, until: from + 16 })
    }
  })

  it('finds a difference behind the last checkpoint, and a run that is longer', () => {
    expect(firstDivergence(run(1000), run(1000, 995))).toEqual({ from: 992, until: 1000 })
    expect(firstDivergence(run(1000), run(1003))).toEqual({ from: 992, until: 1003 })
    expect(firstDivergence(run(1000), run(1000))).toBeUndefined()
  })

  it('compares only runs with the same checkpoints', () => {
    expect(() => firstDivergence(run(10), run(10, -1, 8))).toThrow(/line up/)
  })
})
