import { describe, expect, it } from 'vitest'
import { registryOf, sweepSeedsMin } from './registry.ts'
import { lostLine, type RunLine } from './run-line.ts'
import { faultKinds, partitionShapes } from './scenario.ts'
import { calmScenario } from './swarm.ts'
import { Sweep } from './sweep.ts'

const plan = { name: 'calm', describe: 'Holds.', draw: () => calmScenario('calm'), overSweep: { rarely: 5 } }
const registry = registryOf([plan])

function lineWith(seed: number, changes: Partial<RunLine>): RunLine {
  return { ...lostLine('calm', String(seed), '', 'sim'), verdict: 'held', reason: null, ...changes }
}

/** A run in which every fault struck, and one check compared `compared` times. */
function eventful(seed: number, compared: number): RunLine {
  const names = [...faultKinds.map((kind) => `fault-${kind}`), ...partitionShapes.map((shape) => `partition-${shape}`)]
  const events = Object.fromEntries(names.map((name) => [name, 2]))
  return lineWith(seed, { events, checks: [{ name: 'durability', compared, violations: [] }] })
}

function swept(lines: readonly RunLine[]): Sweep {
  const sweep = new Sweep()
  for (const line of lines) sweep.add(line)
  return sweep
}

describe('a sweep', () => {
  it('adds up what its runs compared and how often faults struck', () => {
    const sweep = swept([eventful(1, 10), eventful(2, 30), lineWith(3, { wallMs: 9 })])
    expect(sweep.compared.get('durability')).toBe(40)
    expect(sweep.runsWith('fault-crash')).toBe(2)
    expect(sweep.tallies.get('calm')).toMatchObject({ runs: 3, verdicts: { held: 3 }, slowest: { seed: '3' } })
  })

  it('keeps the runs that did not hold', () => {
    const sweep = swept([lineWith(1, {}), lineWith(2, { verdict: 'violated' }), lineWith(3, { verdict: 'failed' })])
    expect(sweep.bad.map(({ seed }) => seed)).toEqual(['2', '3'])
  })

  it('tells a run that did not end as it did before', () => {
    const sweep = new Sweep()
    for (const endValue of ['1', '1', '2']) sweep.compareEnds(lineWith(7, { endValue }))
    expect(sweep.repeated).toBe(2)
    expect(sweep.unrepeatable).toEqual(['sim --scenario calm --seed 7 ends with 1 and with 2'])
  })

  it('complains when what a scenario is about hardly happened in many seeds', () => {
    const happened = (times: number) =>
      swept(Array.from({ length: sweepSeedsMin }, (_, i) => lineWith(i, { events: { rarely: i < times ? 1 : 0 } })))
    expect(happened(5).complaints(registry, false)).toEqual([])
    expect(happened(4).complaints(registry, false)).toEqual([
      `calm: rarely happened 4 times in ${sweepSeedsMin} seeds, not 5`,
    ])
    expect(swept([lineWith(1, {})]).complaints(registry, false)).toEqual([])
  })

  it('complains when too many searches were given up, at the gate or not', () => {
    const searching = (undecided: number) =>
      swept([lineWith(1, { checks: [{ name: 'wgl', compared: 9, violations: [], searches: 10, undecided }] })])
    expect(searching(2).complaints(registry, false)).toEqual([])
    expect(searching(3).complaints(registry, false)).toEqual(['3 of 10 searches were given up, more than 20 %'])
    expect(searching(2).complaints(registry, true).join()).not.toContain('wgl')
  })

  it('complains at its gate when a fault struck too few seeds or a check compared too little', () => {
    const enough = Array.from({ length: 10 }, (_, seed) => eventful(seed, 10_000))
    expect(swept(enough).complaints(registry, true)).toEqual([])
    const complaints = swept([
      ...enough.slice(1),
      lineWith(0, { checks: [{ name: 'durability', compared: 9_999, violations: [] }] }),
    ])
    expect(complaints.complaints(registry, false)).toEqual([])
    expect(complaints.complaints(registry, true)).toContain('fault-crash struck in 9 seeds, not 10')
    expect(complaints.complaints(registry, true)).toContain('durability compared 99999 times, not 100000')
    expect(complaints.complaints(registry, true).join()).not.toContain('fault-recover')
  })
})
