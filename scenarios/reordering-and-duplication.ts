import { calmPath } from '../sim/path.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const reorderingAndDuplication: ScenarioPlan = {
  name: 'reordering-and-duplication',
  describe: 'Frames that are late, doubled, lost or out of order change nothing but the time it takes.',
  draw: (dice) => {
    const scenario = lightScenario('reordering-and-duplication', dice)
    const path = {
      ...calmPath,
      reorderPerMillion: dice.intInclusive(100_000, 400_000),
      duplicationPerMillion: dice.intInclusive(50_000, 300_000),
      lossPerMillion: dice.intInclusive(5_000, 30_000),
      tailPerMillion: 20_000,
      tailMeanUs: 40_000,
    }
    const faults = inTurn(dice, scenario.durationMs, [1500, 2500], (atMs) => [
      { atMs, kind: 'sever', target: dice.pick(['leader', 'any']) },
    ])
    return {
      ...scenario,
      path,
      faults,
      expects: { 'network-reordered': 30, 'network-duplicated': 200, 'network-lost': 20, 'fault-sever': 3 },
    }
  },
}
