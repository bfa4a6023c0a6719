import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LocalClock } from './clock.ts'

const fast = { originMs: 500, wallMs: 1_700_000_000_000, ratePpm: 1_050_000, startUs: 2_000_000 }

describe('local clock', () => {
  it('starts at its origin and runs at its rate', () => {
    const clock = new LocalClock(fast)
    expect(clock.nowMs(2_000_000)).toBe(500)
    expect(clock.nowMs(3_000_000)).toBe(1550)
    expect(clock.wallMs(3_000_000)).toBe(1_700_000_001_050)
  })

  it('wakes nobody early and nobody a microsecond late, at any rate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 950_000, max: 1_050_000 }),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        fc.nat(1_000_000_000),
        (ratePpm, originMs, aheadMs, fromUs) => {
          const clock = new LocalClock({ originMs, wallMs: 0, ratePpm, startUs: 0 })
          const deadlineMs = clock.nowMs(fromUs) + aheadMs
          const worldUs = clock.worldUsAt(deadlineMs, fromUs)
          expect(Number.isSafeInteger(worldUs)).toBe(true)
          expect(clock.nowMs(worldUs)).toBeGreaterThanOrEqual(deadlineMs)
          if (worldUs > fromUs) expect(clock.nowMs(worldUs - 1)).toBeLessThan(deadlineMs)
        },
      ),
      { seed: 2, numRuns: 1000 },
    )
  })

  it('reaches a deadline of the past at once', () => {
    expect(new LocalClock(fast).worldUsAt(-100, 2_500_000)).toBe(2_500_000)
  })

  it('stays continuous and never goes back when its rate changes', () => {
    const clock = new LocalClock(fast)
    let beforeMs = clock.nowMs(2_000_000)
    for (let worldUs = 2_000_000; worldUs < 2_100_000; worldUs += 7) {
      if (worldUs % 5 === 0) clock.setRate(worldUs, worldUs % 2 === 0 ? 950_000 : 1_050_000)
      const nowMs = clock.nowMs(worldUs)
      expect(nowMs >= beforeMs && nowMs - beforeMs <= 0.0074).toBe(true)
      beforeMs = nowMs
    }
  })

  it('sets the wall clock without moving the monotonic one', () => {
    const clock = new LocalClock(fast)
    clock.jumpWall(-3_600_000)
    expect(clock.nowMs(2_000_000)).toBe(500)
    expect(clock.wallMs(2_000_000)).toBe(1_699_996_400_000)
    clock.jumpWall(7_200_000)
    expect(clock.wallMs(2_000_000)).toBe(1_700_003_600_000)
  })

  it('refuses a rate that stands still and a question about its past', () => {
    expect(() => new LocalClock({ ...fast, ratePpm: 0 })).toThrow(/rate/)
    expect(() => new LocalClock(fast).nowMs(1_999_999)).toThrow(/past/)
    expect(() => new LocalClock(fast).worldUsAt(Number.POSITIVE_INFINITY, 2_000_000)).toThrow(/deadline/)
  })
})
