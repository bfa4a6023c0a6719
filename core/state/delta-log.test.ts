import { describe, expect, test } from 'vitest'
import { type DeltaLog, deltasIn, emptyLog, withDelta } from './delta-log.ts'

const delta = (length: number, fill: number) => new Uint8Array(length).fill(fill)
const fills = (log: DeltaLog) => deltasIn(log).map((each) => [each.length, each[0]])

describe('the deltas beside a document', () => {
  test('come back in order, whatever their lengths', () => {
    let log = emptyLog
    for (const [i, length] of [1, 127, 128, 5, 20_000, 3].entries()) log = withDelta(log, delta(length, i + 1))
    expect(fills(log)).toEqual([
      [1, 1],
      [127, 2],
      [128, 3],
      [5, 4],
      [20_000, 5],
      [3, 6],
    ])
    expect(deltasIn(emptyLog)).toEqual([])
  })

  test('stay what they are in every log that came before, and share its memory while there is room', () => {
    const logs = [emptyLog]
    for (let i = 1; i <= 20; i++) logs.push(withDelta(logs.at(-1) ?? emptyLog, delta(10, i)))
    for (const [count, log] of logs.entries()) {
      expect(fills(log)).toEqual(Array.from({ length: count }, (_, i) => [10, i + 1]))
    }
    expect(new Set(logs.map(({ bytes }) => bytes)).size).toBeLessThan(8)
  })

  test('do not keep the delta they were given', () => {
    const given = delta(4, 1)
    const log = withDelta(emptyLog, given)
    given.fill(9)
    expect(fills(log)).toEqual([[4, 1]])
  })

  test('forget one that was tried and thrown away', () => {
    const kept = withDelta(emptyLog, delta(4, 1))
    withDelta(kept, delta(4, 2))
    expect(fills(withDelta(kept, delta(4, 3)))).toEqual([
      [4, 1],
      [4, 3],
    ])
  })
})
