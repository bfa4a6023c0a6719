import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const longLeaderPause: ScenarioPlan = {
  name: 'long-leader-pause',
  describe: 'A leader that stands still for seconds and then goes on where it was learns that the world moved on.',
  draw: (dice) => {
    const scenario = lightScenario('long-leader-pause', dice)
    const durationMs = 12_000
    const faults = inTurn(dice, durationMs, [3600, 4400], (atMs) => [
      { atMs, kind: 'pause', target: 'leader', forMs: dice.intInclusive(1500, 3500) },
    ])
    return { ...scenario, durationMs, faults, expects: { 'fault-pause': 2, 'leader-changes': 1 } }
  },
  overSweep: { 'leader-changes': 150 },
}
