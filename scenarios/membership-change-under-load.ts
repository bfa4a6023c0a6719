import { changeSteps } from '../sim/change-step.ts'
import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const membershipChangeUnderLoad: ScenarioPlan = {
  name: 'membership-change-under-load',
  describe: 'A lost server is replaced under load, whoever is killed at each step of the change.',
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
  overSweep: { 'crash-while-learner': 20, 'crash-while-joint': 20, 'crash-while-leaving-joint': 20 },
}

/** A disk is lost; while its server is taken in again, as learner and then by joint change, others are killed. */
function replacement(dice: Dice, atMs: number): Fault[] {
  const wipe: Fault = {
    atMs,
    kind: 'wipe',
    target: dice.pick(['leader', 'follower', 'any']),
    downMs: dice.intInclusive(50, 400),
  }
  const killed = () => {
    const target = dice.pick(['leader', 'leader', 'any'] as const)
    return { kind: 'crash', target, downMs: dice.intInclusive(50, 300) } as const
  }
  const atRandom: Fault = { atMs: atMs + dice.intInclusive(100, 2200), ...killed() }
  const atSteps = changeSteps.map((during): Fault => ({ atMs: atMs + 100, ...killed(), during }))
  return [wipe, ...dice.shuffle([atRandom, ...atSteps]).slice(0, 3)]
}
