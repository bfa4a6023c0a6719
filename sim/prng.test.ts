import { describe, expect, it } from 'vitest'
import { createDice, type Dice } from './prng.ts'

function draw(dice: Dice, count: number): number[] {
  return Array.from({ length: count }, () => dice.intInclusive(0, 999_999))
}

describe('dice', () => {
  it('gives the same numbers for the same seed, for good', () => {
    expect(draw(createDice('42'), 5)).toEqual(draw(createDice('42'), 5))
    expect(draw(createDice('42'), 5)).not.toEqual(draw(createDice('43'), 5))
    expect(draw(createDice('42').fork('network'), 4)).toEqual([656_126, 29_141, 798_460, 181_523])
  })

  it('moves no other stream by drawing in one, nor by adding one', () => {
    const quiet = createDice('7').fork('disk').fork('torn')
    const root = createDice('7')
    root.fork('network').bytes(100)
    draw(root, 50)
    const disk = root.fork('disk')
    draw(disk, 3)
    expect(draw(disk.fork('torn'), 20)).toEqual(draw(quiet, 20))
  })

  it('forks a label once, since the same label would be the same stream', () => {
    const dice = createDice('1')
    dice.fork('a')
    expect(() => dice.fork('a')).toThrow(/same/)
    expect(() => dice.fork('a/b')).toThrow(/label/)
    expect(() => createDice('')).toThrow(/empty/)
  })

  it('never touches Math.random', () => {
    const before = Math.random
    createDice('9').fork('x').intInclusive(0, 9)
    expect(Math.random).toBe(before)
  })

  it('reaches both ends of a range and nothing beyond, evenly', () => {
    const dice = createDice('even')
    const counts = new Map<number, number>()
    for (let i = 0; i < 60_000; i++) {
      const face = dice.intInclusive(-2, 3)
      counts.set(face, (counts.get(face) ?? 0) + 1)
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-2, -1, 0, 1, 2, 3])
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  it('fills ranges beyond 32 bits', () => {
    const dice = createDice('wide')
    const max = 2 ** 52
    const drawn = Array.from({ length: 2000 }, () => dice.intInclusive(0, max))
    expect(drawn.every((n) => Number.isSafeInteger(n) && n >= 0 && n <= max)).toBe(true)
    expect(drawn.some((n) => n > max * 0.99)).toBe(true)
    expect(drawn.some((n) => n % 2 === 1)).toBe(true)
    expect(dice.draws).toBe(4000)
  })

  it('takes a chance as often as it says and draws nothing when the answer is certain', () => {
    const dice = createDice('chance')
    expect(dice.chance(0, 10)).toBe(false)
    expect(dice.chance(10, 10)).toBe(true)
    expect(dice.draws).toBe(0)
    let hits = 0
    for (let i = 0; i < 100_000; i++) if (dice.chance(3, 1000)) hits++
    expect(hits).toBeGreaterThan(240)
    expect(hits).toBeLessThan(360)
  })

  it('draws exponential numbers with the mean and the median asked for', () => {
    const dice = createDice('exponential')
    const drawn = Array.from({ length: 50_000 }, () => dice.exponential(10_000)).sort((a, b) => a - b)
    const mean = drawn.reduce((sum, n) => sum + n, 0) / drawn.length
    expect(Math.abs(mean - 10_000)).toBeLessThan(200)
    expect(Math.abs((drawn[25_000] as number) - 6931)).toBeLessThan(200)
    expect(Math.abs((drawn[49_500] as number) - 46_052)).toBeLessThan(2500)
    expect(drawn.every(Number.isInteger)).toBe(true)
    expect(dice.exponential(0)).toBe(0)
  })

  it('shuffles into every order and keeps all items', () => {
    const dice = createDice('shuffle')
    const orders = new Set<string>()
    for (let i = 0; i < 500; i++) orders.add(dice.shuffle(['a', 'b', 'c']).join(''))
    expect([...orders].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba'])
  })

  it('picks each item and fills bytes', () => {
    const dice = createDice('pick')
    const picked = new Set(Array.from({ length: 200 }, () => dice.pick(['x', 'y', 'z'])))
    expect([...picked].sort()).toEqual(['x', 'y', 'z'])
    expect(dice.bytes(0)).toHaveLength(0)
    expect(new Set(dice.bytes(4001)).size).toBe(256)
    expect(() => dice.pick([])).toThrow(/nothing/)
  })

  it('counts its draws and remembers the last', () => {
    const dice = createDice('count')
    expect([dice.draws, dice.last]).toEqual([0, 0])
    dice.intInclusive(0, 0xffff_ffff)
    const { last } = dice
    expect(dice.draws).toBe(1)
    expect(createDice('count').intInclusive(0, 0xffff_ffff)).toBe(last)
  })
})
