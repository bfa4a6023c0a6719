import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const flapping: ScenarioPlan = {
  name: 'flapping',
  describe: 'Links that come and go many times a second keep the group from work, never from the truth.',
  draw: (dice) => {
    const scenario = lightScenario('flapping', dice)
    const faults = inTurn(dice, scenario.durationMs, [2000, 2800], (atMs) => flaps(dice, atMs))
    return {
      ...scenario,
      servers: dice.pick([3, 5]),
      faults,
      expects: { 'fault-partition': 12, 'network-cutDrops': 20 },
    }
  },
}

/** Short cuts close to each other; the quiet until the next turn lets work get done. */
function flaps(dice: Dice, fromMs: number): Fault[] {
  const target = dice.pick(['leader', 'follower', 'any'] as const)
  const flaps: Fault[] = []
  for (let atMs = fromMs; atMs < fromMs + 1200; atMs += dice.intInclusive(80, 300)) {
    const shape = dice.pick(['isolate', 'one-way-in', 'one-way-out'] as const)
    flaps.push({ atMs, kind: 'partition', shape, target, forMs: dice.intInclusive(20, 200) })
  }
  return flaps
}
