import { describe, expect, test } from 'vitest'
import { ClusterClock } from './cluster-clock.ts'

describe('cluster time', () => {
  test('is the last stamp and the time since it was first received', () => {
    const clock = new ClusterClock(1000, 50)
    expect(clock.at(50)).toBe(1000)
    expect(clock.at(75.5)).toBe(1025)
    clock.observe(2000, 100)
    clock.observe(2000, 150)
    expect(clock.at(160)).toBe(2060)
  })

  test('never falls, whatever stamps come and however the local clock stands', () => {
    const clock = new ClusterClock(1000, 50)
    clock.observe(900, 60)
    expect(clock.at(60)).toBe(1010)
    expect(clock.at(40)).toBe(1000)
  })
})
