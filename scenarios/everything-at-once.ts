import type { Dice } from '../sim/prng.ts'
import type { FaultKind, Scenario } from '../sim/scenario.ts'
import { calmScenario, drawClockRate, drawFaults, drawPath } from '../sim/swarm.ts'

const always: readonly FaultKind[] = [
  'crash',
  'pause',
  'partition',
  'clog',
  'sever',
  'weather',
  'transfer',
  'clock-jump',
  'clock-rate',
  'client-crash',
  'shutdown',
  'wipe',
]
const onDisks: readonly FaultKind[] = [
  'power-loss',
  'restart-all',
  'slow-disk',
  'fsync-failure',
  'disk-full',
  'bit-rot',
]

/** Everything at once: each world draws its topology, its weather, and a random subset of all faults. */
export function everythingAtOnce(dice: Dice): Scenario {
  const durability = dice.chance(1, 4) ? 'memory' : 'fsync'
  const servers = dice.pick([3, 3, 3, 5])
  const possible = durability === 'fsync' ? [...always, ...onDisks] : always
  const kinds = dice.shuffle(possible).slice(0, dice.intInclusive(5, possible.length))
  const durationMs = dice.intInclusive(24_000, 36_000)
  return {
    ...calmScenario('everything-at-once'),
    servers,
    durability,
    clients: dice.intInclusive(2, 4),
    workersPerClient: dice.intInclusive(2, 5),
    keys: dice.intInclusive(2, 12),
    thinkUs: dice.intInclusive(4_000, 20_000),
    durationMs,
    path: drawPath(dice),
    clockRatesPpm: Array.from({ length: servers }, () => drawClockRate(dice)),
    faults: drawFaults(dice, { kinds, fromMs: 1500, untilMs: durationMs - 2000, gapMs: [300, 1600] }),
  }
}
