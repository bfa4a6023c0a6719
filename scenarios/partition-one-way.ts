import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const partitionOneWay: ScenarioPlan = {
  name: 'partition-one-way',
  describe:
    'A server that is heard but does not hear, or hears but is not heard, wrongs nobody and stops nobody for long.',
  draw: (dice) => {
    const scenario = lightScenario('partition-one-way', dice)
    const faults = inTurn(dice, scenario.durationMs, [1200, 2500], (atMs) => [
      {
        atMs,
        kind: 'partition',
        shape: dice.pick(['one-way-in', 'one-way-out']),
        target: dice.pick(['leader', 'follower']),
        forMs: dice.intInclusive(300, 2500),
      },
    ])
    return {
      ...scenario,
      servers: dice.pick([3, 5]),
      faults,
      expects: { 'fault-partition': 2, 'network-cutDrops': 20 },
    }
  },
  overSweep: { 'fault-partition': 150 },
}
