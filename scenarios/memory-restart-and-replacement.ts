import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const memoryRestartAndReplacement: ScenarioPlan = {
  name: 'memory-restart-and-replacement',
  describe: 'Without disks, a server that restarts is a new member that copies everything, and the group outlives all.',
  draw: (dice) => {
    const scenario = lightScenario('memory-restart-and-replacement', dice)
    const faults = inTurn(dice, scenario.durationMs, [1600, 2400], (atMs) => [
      {
        atMs,
        kind: dice.pick(['crash', 'crash', 'shutdown']),
        target: dice.pick(['leader', 'follower', 'any']),
        downMs: dice.intInclusive(50, 500),
      },
    ])
    return {
      ...scenario,
      durability: 'memory',
      servers: dice.pick([3, 3, 5]),
      faults,
      expects: { 'server-members': 10, 'server-snapshot-installed': 1 },
    }
  },
  overSweep: { 'server-snapshot-installed': 100 },
}
