import { simDiskDefaults } from '../sim/disk.ts'
import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const roughDisks: ScenarioPlan = {
  name: 'rough-disks',
  describe:
    'Disks that fail twice in a row, before the first failure is behind them, take nothing that was acknowledged.',
  draw: (dice) => {
    const scenario = lightScenario('rough-disks', dice)
    // A long log, so that what the first failure spoilt still counts at the second, and syncs slow enough to be
    // interrupted.
    const limits = {
      ...scenario.limits,
      snapshotEntries: dice.pick([5, 200]),
      snapshotBytes: 64 * 1024,
      segmentBytes: dice.pick([4, 16]) * 1024,
    }
    const disk = { ...simDiskDefaults, syncUsMin: 500, syncUsMax: dice.intInclusive(2_000, 12_000) }
    const faults = inTurn(dice, scenario.durationMs, [1300, 1900], (atMs) => twice(dice, atMs))
    return { ...scenario, limits, disk, faults, expects: { 'fault-power-loss': 1 } }
  },
  overSweep: { 'fault-power-loss': 200, 'fault-bit-rot': 20, 'fault-fsync-failure': 20 },
}

/**
 * One server's disk fails, and its power goes before long: at once, or soon after it was started again. Or bits of it
 * flip, and the leader dies while they are being repaired.
 */
function twice(dice: Dice, atMs: number): Fault[] {
  const target = dice.intInclusive(0, 2)
  const downMs = dice.intInclusive(20, 150)
  const againMs = atMs + dice.intInclusive(3, 120)
  const again: Fault = { atMs: againMs, kind: 'power-loss', target, downMs: dice.intInclusive(20, 300) }
  switch (dice.intInclusive(0, 3)) {
    case 0:
      return [{ atMs, kind: 'fsync-failure', target }, again]
    case 1: {
      const kill: Fault = { ...again, atMs: atMs + downMs + dice.intInclusive(-10, 20), target: 'leader' }
      return [{ atMs, kind: 'bit-rot', target: 'follower', bits: dice.intInclusive(4, 12), downMs }, kill]
    }
    default:
      return [
        { atMs, kind: 'power-loss', target, downMs },
        { ...again, atMs: againMs + downMs },
      ]
  }
}
