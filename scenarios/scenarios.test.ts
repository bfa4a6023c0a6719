import { describe, expect, it } from 'vitest'
import { run } from '../sim/run.ts'
import { draw, registry } from './registry.ts'
import { regressions } from './regressions.ts'

/** A run that did not hold, in words that say what to look at. */
function holds(name: string, seed: string): string {
  const { verdict, reason, checks } = run(seed, draw(name, seed), { wallMs: () => 0 })
  const violations = checks.flatMap((check) => check.violations)
  return verdict === 'held' ? verdict : `${verdict}: ${[reason, ...violations].join('\n')}`
}

describe('every scenario', () => {
  it.each([...registry.keys()])('%s holds, and what it is about happens', (name) => {
    expect(Object.keys(draw(name, '1').expects ?? { 'everything at once': 1 })).not.toEqual([])
    expect(holds(name, '1')).toBe('held')
  })

  it('draws another world from another seed, and the same from the same', () => {
    for (const name of registry.keys()) {
      expect(draw(name, '1')).toEqual(draw(name, '1'))
      expect(draw(name, '1')).not.toEqual(draw(name, '2'))
      expect(draw(name, '1').name).toBe(name)
    }
  })

  it('claims something in one sentence', () => {
    for (const { describe: claim } of registry.values()) expect(claim).toMatch(/^[A-Z][^.]+\.$/)
  })
})

it.each([...regressions])('$scenario with seed $seed: $what', ({ scenario, seed }) => {
  expect(holds(scenario, seed)).toBe('held')
})
