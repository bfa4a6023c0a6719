import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const partitionBridge: ScenarioPlan = {
  name: 'partition-bridge',
  describe: 'Where only one server reaches both halves, or each sees another majority, there is still one history.',
  draw: (dice) => {
    const scenario = lightScenario('partition-bridge', dice)
    const faults = inTurn(dice, scenario.durationMs, [1200, 2500], (atMs, turn) => [
      {
        atMs,
        kind: 'partition',
        shape: turn % 2 === 0 ? 'bridge' : 'ring',
        target: dice.pick(['leader', 'any']),
        forMs: dice.intInclusive(500, 2500),
      },
    ])
    return {
      ...scenario,
      servers: 5,
      faults,
      expects: { 'partition-bridge': 1, 'partition-ring': 1, 'network-cutDrops': 20 },
    }
  },
}
