import type { ScenarioPlan } from '../sim/registry.ts'
import type { FaultKind } from '../sim/scenario.ts'
import { calmScenario, drawBursts, drawClockRate, drawPath } from '../sim/swarm.ts'

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

export const everythingAtOnce: ScenarioPlan = {
  name: 'everything-at-once',
  describe:
    'Whatever fails, alone or together, nothing acknowledged is lost or done twice, and the healed group serves again.',
  draw: (dice) => {
    const durability = dice.chance(1, 4) ? 'memory' : 'fsync'
    const servers = dice.pick([3, 3, 3, 5])
    const possible = durability === 'fsync' ? [...always, ...onDisks] : always
    const kinds = dice.shuffle(possible).slice(0, dice.intInclusive(5, possible.length))
    const durationMs = dice.intInclusive(18_000, 26_000)
    return {
      ...calmScenario('everything-at-once'),
      servers,
      durability,
      clients: dice.intInclusive(2, 3),
      workersPerClient: dice.intInclusive(2, 4),
      keys: dice.intInclusive(2, 12),
      thinkUs: dice.intInclusive(10_000, 40_000),
      durationMs,
      path: drawPath(dice),
      clockRatesPpm: Array.from({ length: servers }, () => drawClockRate(dice)),
      faults: drawBursts(dice, {
        servers,
        kinds,
        fromMs: 1000,
        untilMs: durationMs - 1500,
        faults: [1, 6],
        gapMs: [20, 600],
        quietMs: [600, 2400],
      }),
    }
  },
}
