import { expect, it } from 'vitest'
import { run } from './run.ts'
import type { Fault } from './scenario.ts'
import { calmScenario } from './swarm.ts'

function struck(...faults: Fault[]): ReadonlyMap<string, number> {
  const scenario = { ...calmScenario('memory'), durability: 'memory', durationMs: 3000, faults } as const
  const { verdict, reason, events } = run('1', scenario, { wallMs: () => 0 })
  expect(verdict, reason).toBe('held')
  return events
}

const shutdown: Fault = { atMs: 1000, kind: 'shutdown', target: 1, downMs: 400 }
const kill: Fault = { atMs: 1064, kind: 'crash', target: 2, downMs: 400 }

it('takes no memory from a server while another one is shutting down with its own', () => {
  expect(struck(kill).get('fault-crash')).toBe(1)
  const both = struck(shutdown, kill)
  expect(both.get('fault-shutdown')).toBe(1)
  expect(both.get('fault-crash')).toBeUndefined()
})

it('keeps a kill back for the step of a change of members that it is meant for', () => {
  const wipe: Fault = { atMs: 300, kind: 'wipe', target: 1, downMs: 100 }
  const during = (atMs: number): Fault => ({ atMs, kind: 'crash', target: 'leader', downMs: 100, during: 'joint' })
  const fsync = { ...calmScenario('steps'), durability: 'fsync', durationMs: 4000 } as const
  const events = (...faults: Fault[]) => run('1', { ...fsync, faults }, { wallMs: () => 0 }).events
  expect(events(wipe, during(400)).get('crash-while-joint')).toBe(1)
  expect(events(during(400)).get('crash-while-joint')).toBeUndefined()
})
