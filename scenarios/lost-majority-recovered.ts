import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { lightScenario } from './light.ts'
import { lossOfMajority } from './loss-of-majority.ts'

export const lostMajorityRecovered: ScenarioPlan = {
  name: 'lost-majority-recovered',
  describe:
    'What is left of a group that lost its majority serves again, with all that it had, once an operator orders it to.',
  draw: (dice) => {
    const scenario = lightScenario('lost-majority-recovered', dice)
    const durability = dice.pick(['fsync', 'memory'] as const)
    const survivor = dice.intInclusive(0, 2)
    const lossMs = dice.intInclusive(4000, 5000)
    // Nobody can work when the majority is lost: all servers have all that was acknowledged, so that nothing may be
    // missing.
    const quiet = [0, 1, 2].map(
      (target): Fault => ({ atMs: lossMs - 1200, kind: 'partition', shape: 'clients', target, forMs: 2500 }),
    )
    const recover: Fault = { atMs: lossMs + 3500, kind: 'recover', target: survivor }
    const faults = [...quiet, ...lossOfMajority(dice, lossMs, durability, survivor), recover]
    const expects = { 'server-majority-lost': 1, 'fault-recover': 1, 'server-formed': 2, 'client-other-history': 1 }
    return { ...scenario, durability, durationMs: 12_000, faults, ends: 'recovered', expects }
  },
}
