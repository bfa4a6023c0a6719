import { expect, test } from 'vitest'
import { defaultLimits } from '../core/server/options.ts'
import { stateLimits } from '../core/state/limits.ts'
import { measureSlices } from './slices.ts'

test('no step writes, restores, applies or drops more than its slice, however many documents there are', () => {
  const limits = { applyEntriesMax: 48, compactEntriesMax: 200 }
  const { written, restored, applied, compacted } = measureSlices(100_000, limits)
  expect(written).toBeGreaterThan(stateLimits.chunkEntriesMax / 2)
  expect(written).toBeLessThanOrEqual(stateLimits.chunkEntriesMax * defaultLimits.snapshotChunksInflight)
  expect(restored).toBeGreaterThan(stateLimits.chunkEntriesMax / 2)
  expect(restored).toBeLessThanOrEqual(stateLimits.chunkEntriesMax)
  expect(applied).toBe(limits.applyEntriesMax)
  expect(compacted).toBe(limits.compactEntriesMax)
})
