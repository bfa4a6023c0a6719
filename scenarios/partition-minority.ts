import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const partitionMinority: ScenarioPlan = {
  name: 'partition-minority',
  describe: 'A minority that is cut off serves nobody and loses nothing, and the majority goes on.',
  draw: (dice) => {
    const scenario = lightScenario('partition-minority', dice)
    const faults = inTurn(dice, scenario.durationMs, [1500, 2500], (atMs) => [
      {
        atMs,
        kind: 'partition',
        shape: 'minority',
        target: dice.pick(['follower', 'leader']),
        forMs: dice.intInclusive(300, 2000),
      },
    ])
    return {
      ...scenario,
      servers: dice.pick([3, 5]),
      faults,
      expects: { 'partition-minority': 2, 'network-cutDrops': 20 },
    }
  },
  overSweep: { 'partition-minority': 150 },
}
