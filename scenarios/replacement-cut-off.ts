import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const replacementCutOff: ScenarioPlan = {
  name: 'replacement-cut-off',
  describe:
    'A leader that is cut off in the middle of a change of members takes the change back, or finds it carried out.',
  draw: (dice) => {
    const scenario = lightScenario('replacement-cut-off', dice)
    const durationMs = 12_000
    // Syncs that take their time make every step of the change last.
    const disk = { ...scenario.disk, syncUsMin: 2_000, syncUsMax: dice.intInclusive(5_000, 60_000) }
    const faults = inTurn(dice, durationMs, [2600, 3400], (atMs) => replacement(dice, atMs))
    return { ...scenario, servers: dice.pick([3, 5]), disk, durationMs, faults, expects: { 'fault-wipe': 1 } }
  },
}

/** A disk is lost. When its server is taken in again, leaders can't reach it or nobody at all, or die. */
function replacement(dice: Dice, atMs: number): Fault[] {
  const lost = dice.pick(['leader', 'follower', 'any'] as const)
  const wipe: Fault = { atMs, kind: 'wipe', target: lost, downMs: dice.intInclusive(50, 200) }
  const strikes = [0, 1].map((): Fault => {
    const strikeMs = atMs + dice.intInclusive(900, 2300)
    if (dice.chance(1, 3))
      return { atMs: strikeMs, kind: 'crash', target: 'leader', downMs: dice.intInclusive(50, 600) }
    const shape = dice.pick(['servers', 'servers', 'one-way-in', 'ring'] as const)
    return { atMs: strikeMs, kind: 'partition', shape, target: 'leader', forMs: dice.intInclusive(300, 1800) }
  })
  return [wipe, ...strikes]
}
