import { describe, expect, it } from 'vitest'
import type { CheckResult } from './checkers/types.ts'
import { calmPath } from './path.ts'
import { type RunOptions, run } from './run.ts'
import type { Scenario } from './scenario.ts'
import { calmScenario } from './swarm.ts'

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
