import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const fsyncFailure: ScenarioPlan = {
  name: 'fsync-failure',
  describe: 'A server whose disk failed to sync stops, and returns as another incarnation that copies everything.',
  draw: (dice) => {
    const scenario = lightScenario('fsync-failure', dice)
    const faults = inTurn(dice, scenario.durationMs, [1800, 2600], (atMs) => [
      { atMs, kind: 'fsync-failure', target: dice.pick(['leader', 'follower', 'any']) },
    ])
    return {
      ...scenario,
      faults,
      expects: { 'fault-fsync-failure': 1, 'disk-fsyncFailed': 1, 'stopped-disk-failed': 1 },
    }
  },
}
