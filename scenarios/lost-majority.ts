import type { ScenarioPlan } from '../sim/registry.ts'
import { lightScenario } from './light.ts'
import { lossOfMajority } from './loss-of-majority.ts'

export const lostMajority: ScenarioPlan = {
  name: 'lost-majority',
  describe: 'A majority that lost its memory is noticed, and what is left of the group serves nobody.',
  draw: (dice) => {
    const scenario = lightScenario('lost-majority', dice)
    const durability = dice.pick(['fsync', 'memory'] as const)
    const faults = lossOfMajority(dice, dice.intInclusive(2000, 4000), durability, dice.intInclusive(0, 2))
    const expects = { [durability === 'fsync' ? 'fault-wipe' : 'fault-crash']: 2, 'server-majority-lost': 1 }
    return { ...scenario, durability, durationMs: 6_000, faults, ends: 'majority-lost', expects }
  },
}
