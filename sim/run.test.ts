import { describe, expect, it } from 'vitest'
import type { CheckResult } from './checkers/types.ts'
import { calmPath } from './path.ts'
import { type RunOptions, run } from './run.ts'
import type { Scenario } from './scenario.ts'
import { calmScenario } from './swarm.ts'
import type { TraceStep } from './trace.ts'

const short: Scenario = { ...calmScenario('calm'), durationMs: 1500 }

function runShort(changes: Partial<Scenario> = {}, options: Partial<RunOptions> = {}) {
  return run('1', { ...short, ...changes }, { wallMs: () => 0, ...options })
}

describe('a run', () => {
  it('compares something in every check', () => {
    const { verdict, reason, checks } = runShort()
    expect(verdict, reason).toBe('held')
    for (const { name, compared } of checks) expect(compared, name).toBeGreaterThan(0)
    expect(checks.map(({ name }: CheckResult) => name)).toContain('wgl')
  })

  it('ends alike whether or not it is traced, and its trace leads there', () => {
    const hashes: number[] = []
    const traced = runShort({}, { onTrace: ({ hash }) => hashes.push(hash) })
    expect(traced.endValue).toBe(runShort().endValue)
    expect(hashes).toHaveLength(traced.steps)
    expect(hashes.filter((hash, i) => hash === hashes[i - 1])).toEqual([])
  })

  it('stops where it is told to, and says nothing of what was not finished', () => {
    const { stoppedAt, steps, verdict, checks } = runShort({}, { stopAtStep: 4000 })
    expect(steps).toBe(4000)
    expect(verdict).toBe('held')
    expect(stoppedAt?.servers).toHaveLength(3)
    expect(checks.map(({ name }) => name)).not.toContain('durability')
  })

  it('proves nothing when what it is about did not happen', () => {
    const { verdict, reason } = runShort({ expects: { 'fault-crash': 1 } })
    expect(verdict).toBe('violated')
    expect(reason).toBe('expectations: fault-crash happened 0 times, not 1: the run proves nothing')
  })

  it('fails, rather than blames the system, when the simulator breaks', () => {
    const onProgress = () => {
      throw new Error('out of order')
    }
    const { verdict, reason } = runShort({}, { onProgress })
    expect(verdict).toBe('failed')
    expect(reason).toContain('out of order')
  })

  it('fails, rather than blames the system, when an assertion of the simulator itself does not hold', () => {
    const ring = { atMs: 100, kind: 'partition', shape: 'ring', target: 'any', forMs: 100 } as const
    const { verdict, reason } = runShort({ servers: 2, faults: [ring] })
    expect(verdict).toBe('failed')
    expect(reason).toContain('a ring has three hosts or more')
  })

  it('traces which message came from where, and what the machine did', () => {
    const steps: TraceStep[] = []
    runShort({ durationMs: 300 }, { onTrace: (step) => steps.push(step) })
    const append = steps.find(({ message }) => message === 'append')
    expect(append).toMatchObject({ input: 'frame', from: expect.stringMatching(/^[abc]$/) })
    const done = new Set(steps.flatMap(({ effects }) => effects))
    for (const effect of ['send append to b', 'send results to client0', 'disk', 'dial to a:7400', 'event'])
      expect([...done]).toContain(effect)
  })

  it('moves money, builds on requests, names births and adds up, and has refusals of each', () => {
    const { events, verdict, reason } = runShort({ durationMs: 6000, keys: 2 })
    expect(verdict, reason).toBe('held')
    for (const event of ['done-transfer', 'done-increment', 'answer-NOT_AFTER', 'answer-GONE', 'answer-CONFLICT'])
      expect(events.get(event), event).toBeGreaterThan(3)
  })

  it('breaks a connection over which a bit flipped, and loses nothing', () => {
    const { verdict, reason, events } = runShort({ path: { ...calmPath, corruptionPerMillion: 3000 } })
    expect(verdict, reason).toBe('held')
    const corrupted = events.get('network-corrupted') ?? 0
    const rejected = events.get('network-rejected') ?? 0
    expect(corrupted).toBeGreaterThan(5)
    // A flipped length makes the reader wait for more, and the connection may end before more comes.
    expect(rejected).toBeLessThanOrEqual(corrupted)
    expect(rejected).toBeGreaterThan(corrupted / 2)
  })
})
