import { simDiskDefaults } from '../sim/disk.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import { inTurn, lightScenario } from './light.ts'

export const tornWalTail: ScenarioPlan = {
  name: 'torn-wal-tail',
  describe: 'A power loss in the middle of a flush tears the tail of a log, and no more than what nobody was promised.',
  draw: (dice) => {
    const scenario = lightScenario('torn-wal-tail', dice)
    // Slow syncs keep a flush under way most of the time.
    const disk = { ...simDiskDefaults, sectorBytes: dice.pick([64, 128, 512]), syncUsMin: 2_000, syncUsMax: 20_000 }
    const faults = inTurn(dice, scenario.durationMs, [900, 1500], (atMs) => [
      { atMs, kind: 'power-loss', target: dice.pick(['leader', 'follower']), downMs: dice.intInclusive(50, 600) },
    ])
    return { ...scenario, disk, faults, expects: { 'fault-power-loss': 4 } }
  },
  overSweep: { 'server-torn-tail': 10, 'disk-torn': 20 },
}
