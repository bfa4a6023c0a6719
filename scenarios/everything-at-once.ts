import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { FaultKind, Scenario } from '../sim/scenario.ts'
import { calmScenario, drawBursts, drawClockRate, drawPath, smallLimits } from '../sim/swarm.ts'

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
    const clients = dice.intInclusive(2, 3)
    return {
      ...calmScenario('everything-at-once'),
      servers,
      durability,
      clients,
      workersPerClient: dice.intInclusive(2, 4),
      keys: dice.intInclusive(2, 12),
      thinkUs: dice.intInclusive(10_000, 40_000),
      durationMs,
      path: drawPath(dice),
      ...drawBounds(dice, clients),
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
  overSweep: {
    'answer-TOO_LARGE': 20,
    'server-refused-BUSY': 20,
    'refused-TOO_MANY_CLIENTS': 5,
    'answer-NOT_AFTER': 100,
  },
}

/**
 * Bounds that are met in some of the worlds: a client that was killed leaves its place only when it has expired, and
 * documents grow too large. Where they may be large, some are, far larger than what limits elsewhere let through.
 */
function drawBounds(dice: Dice, clients: number): Pick<Scenario, 'state' | 'largeBytesMax' | 'limits'> {
  const isSmall = dice.chance(1, 3)
  const state = {
    tombstonesMax: dice.intInclusive(1, 4),
    ...(dice.chance(1, 3) ? { clientsMax: clients + dice.intInclusive(0, 1) } : {}),
    ...(dice.chance(1, 3) ? { resultBytesMax: dice.intInclusive(16, 64) } : {}),
    ...(isSmall ? { documentBytesMax: dice.intInclusive(60, 150) } : {}),
  }
  if (isSmall || dice.chance(3, 4)) return { state, limits: smallLimits }
  // A request must fit into what may be uncommitted, or no server ever takes it.
  const limits = { ...smallLimits, uncommittedBytesMax: 1024 * 1024, snapshotChunkBytes: 16 * 1024 }
  return { state, limits, largeBytesMax: 200_000 }
}
