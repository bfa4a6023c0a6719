import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const membershipChangeUnderLoad: ScenarioPlan = {
  name: 'membership-change-under-load',
  describe: 'A lost server is replaced under load, whoever is killed at whichever step of the change.',
  draw: (dice) => {
    const scenario = lightScenario('membership-change-under-load', dice)
    const durationMs = 12_000
    const faults = inTurn(dice, durationMs, [2600, 3400], (atMs) => replacement(dice, atMs))
    return {
      ...scenario,
      servers: dice.pick([3, 3, 5]),
      durationMs,
      faults,
      expects: { 'fault-wipe': 2, 'fault-crash': 4, 'server-members': 12 },
    }
  },
}

/** A disk is lost; while its server is taken in again, as learner and then by joint change, others are killed. */
function replacement(dice: Dice, atMs: number): Fault[] {
  const wipe: Fault = {
    atMs,
    kind: 'wipe',
    target: dice.pick(['leader', 'follower', 'any']),
    downMs: dice.intInclusive(50, 400),
  }
  const kills = [0, 1, 2].map((): Fault => {
    const target = dice.pick(['leader', 'leader', 'any'] as const)
    return { atMs: atMs + dice.intInclusive(100, 2200), kind: 'crash', target, downMs: dice.intInclusive(50, 300) }
  })
  return [wipe, ...kills]
}
