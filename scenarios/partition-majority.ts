import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const partitionMajority: ScenarioPlan = {
  name: 'partition-majority',
  describe:
    'A leader that is cut off from its majority, together with all clients, acknowledges nothing until it is back.',
  draw: (dice) => {
    const scenario = lightScenario('partition-majority', dice)
    const faults = inTurn(dice, scenario.durationMs, [2500, 3500], (atMs) => [
      { atMs, kind: 'partition', shape: 'majority', target: 'leader', forMs: dice.intInclusive(300, 2200) },
    ])
    return {
      ...scenario,
      servers: dice.pick([3, 5]),
      faults,
      expects: { 'partition-majority': 2, 'network-cutDrops': 20 },
    }
  },
}
