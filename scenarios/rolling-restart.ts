import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const rollingRestart: ScenarioPlan = {
  name: 'rolling-restart',
  describe: 'Servers that are told to stop one after the other hand over and come back, and no operation is lost.',
  draw: (dice) => {
    const scenario = lightScenario('rolling-restart', dice)
    const durability = dice.pick(['fsync', 'fsync', 'memory'] as const)
    const faults = inTurn(dice, scenario.durationMs, [1600, 2200], (atMs, turn) => [
      { atMs, kind: 'shutdown', target: turn % 3, downMs: 400 },
    ])
    return { ...scenario, durability, faults, expects: { 'fault-shutdown': 2, 'stopped-stopped': 2 } }
  },
}
