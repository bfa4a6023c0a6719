import { simDiskDefaults } from '../sim/disk.ts'
import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const roughDisks: ScenarioPlan = {
  name: 'rough-disks',
  describe:
    'Disks that fail twice in a row, each time before the first failure is behind them, take nothing that was acknowledged.',
  draw: (dice) => {
    const scenario = lightScenario('rough-disks', dice)
    // A long log, so that what the first failure spoilt still counts at the second, and syncs slow enough to be interrupted.
    const limits = { ...scenario.limits, snapshotEntries: dice.pick([5, 200]), trailingEntries: 3 }
    const disk = { ...simDiskDefaults, syncUsMin: 500, syncUsMax: dice.intInclusive(2_000, 12_000) }
    const faults = inTurn(dice, scenario.durationMs, [1300, 1900], (atMs) => twice(dice, atMs))
    return { ...scenario, limits, disk, faults, expects: { 'fault-power-loss': 4 } }
  },
}

/** One server's disk fails, and its power goes before long: at once, or soon after it was started again. */
function twice(dice: Dice, atMs: number): Fault[] {
  const target = dice.intInclusive(0, 2)
  const downMs = dice.intInclusive(20, 150)
  const failsToSync = dice.chance(1, 3)
  const first: Fault = failsToSync
    ? { atMs, kind: 'fsync-failure', target }
    : { atMs, kind: 'power-loss', target, downMs }
  const againMs = atMs + (failsToSync ? 0 : downMs) + dice.intInclusive(3, 120)
  return [first, { atMs: againMs, kind: 'power-loss', target, downMs: dice.intInclusive(20, 300) }]
}
