import { simDiskDefaults } from '../sim/disk.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const powerLossOfAll: ScenarioPlan = {
  name: 'power-loss-of-all',
  describe: 'When the power of all servers fails at once, amid their flushes, everything acknowledged is still there.',
  draw: (dice) => {
    const scenario = lightScenario('power-loss-of-all', dice)
    // Slow syncs and small sectors: the last flush is under way when the power goes, and comes apart.
    const disk = { ...simDiskDefaults, sectorBytes: dice.pick([64, 128, 512]), syncUsMin: 1_000, syncUsMax: 10_000 }
    const faults = inTurn(dice, scenario.durationMs, [2200, 3000], (atMs) => [
      { atMs, kind: 'power-loss', target: 'all', downMs: dice.intInclusive(50, 400) },
    ])
    return { ...scenario, disk, faults, expects: { 'fault-power-loss': 2 } }
  },
  overSweep: { 'disk-reordered': 10, 'disk-torn': 10, 'disk-lost': 10, 'server-torn-tail': 10 },
}
