import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const leaderCrashUnderLoad: ScenarioPlan = {
  name: 'leader-crash-under-load',
  describe: 'A leader that is killed under load costs no acknowledged operation, and another takes its place.',
  draw: (dice) => {
    const scenario = lightScenario('leader-crash-under-load', dice)
    const faults = inTurn(dice, scenario.durationMs, [1200, 2500], (atMs) => [
      { atMs, kind: 'crash', target: 'leader', downMs: dice.intInclusive(50, 1500) },
    ])
    return { ...scenario, servers: dice.pick([3, 3, 5]), faults, expects: { 'fault-crash': 3, 'leader-changes': 3 } }
  },
}
