import { expect, it } from 'vitest'
import { run } from '../sim/run.ts'
import { draw } from './registry.ts'

it('does a lot of work under a lot of faults with seed 42', () => {
  const { verdict, reason, acknowledged, leaderChanges, faults } = run('42', draw('everything-at-once', '42'), {
    wallMs: () => 0,
  })
  expect(verdict, reason).toBe('held')
  expect(acknowledged).toBeGreaterThanOrEqual(2000)
  expect(leaderChanges).toBeGreaterThanOrEqual(3)
  expect(faults).toBeGreaterThanOrEqual(20)
})
