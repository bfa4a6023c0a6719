import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const slowDiskLeader: ScenarioPlan = {
  name: 'slow-disk-leader',
  describe: 'A leader whose disk crawls slows the group down and makes nothing wrong.',
  draw: (dice) => {
    const scenario = lightScenario('slow-disk-leader', dice)
    const faults = inTurn(dice, scenario.durationMs, [1800, 2600], (atMs) => [
      {
        atMs,
        kind: 'slow-disk',
        target: 'leader',
        factor: dice.intInclusive(50, 1000),
        forMs: dice.intInclusive(500, 2500),
      },
    ])
    return { ...scenario, faults, expects: { 'fault-slow-disk': 2 } }
  },
  overSweep: { 'fault-slow-disk': 150 },
}
