import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const corruptRecordMidLog: ScenarioPlan = {
  name: 'corrupt-record-mid-log',
  describe:
    'A server that finds damage inside its log neither votes nor acknowledges until its peers have repaired it.',
  draw: (dice) => {
    const scenario = lightScenario('corrupt-record-mid-log', dice)
    // Few snapshots leave a long log to be damaged.
    const limits = { ...scenario.limits, snapshotEntries: 120, snapshotBytes: 64 * 1024, trailingEntries: 60 }
    const faults = inTurn(dice, scenario.durationMs, [1800, 2600], (atMs) => [
      {
        atMs,
        kind: 'bit-rot',
        target: dice.pick(['follower', 'leader', 'any']),
        bits: dice.intInclusive(1, 6),
        downMs: dice.intInclusive(50, 600),
      },
    ])
    return { ...scenario, limits, faults, expects: { 'fault-bit-rot': 1, 'disk-rotted': 1 } }
  },
  overSweep: { 'server-damage-found': 10, 'server-repaired': 10 },
}
