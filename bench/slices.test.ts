import { expect, test } from 'vitest'
import { stateLimits } from '../core/state/limits.ts'
import { measureSlices, sliceFaults } from './slices.ts'

test('no step writes, restores, applies or drops more than its slice, however many documents there are', () => {
  const limits = { applyEntriesMax: 48, compactEntriesMax: 200 }
  const slices = measureSlices(100_000, limits)
  expect(sliceFaults(slices, limits)).toEqual([])
  expect(slices.written).toBeGreaterThan(stateLimits.chunkEntriesMax / 2)
  expect(slices.restored).toBeGreaterThan(stateLimits.chunkEntriesMax / 2)
  expect(slices.applied).toBe(limits.applyEntriesMax)
  expect(slices.compacted).toBe(limits.compactEntriesMax)
})

test('a step that does more than its slice, or a run in which nothing was done, is told', () => {
  const slices = { written: 2000, restored: 0, applied: 10, compacted: 10, steps: 1, longestStepMs: 1 }
  expect(sliceFaults(slices)).toEqual([
    'written: 2000 in one step, where 1024 are allowed',
    'restored: nothing was, so nothing was measured',
  ])
})
