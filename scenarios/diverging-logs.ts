import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const divergingLogs: ScenarioPlan = {
  name: 'diverging-logs',
  describe:
    'A leader that clients reach and other servers do not commits nothing alone, and comes back without what it took.',
  draw: (dice) => {
    const scenario = lightScenario('diverging-logs', dice)
    const faults = inTurn(dice, scenario.durationMs, [900, 1900], (atMs) => strike(dice, atMs))
    // With many workers a leader that is cut off takes more than the others commit until it is back.
    const isCrowded = dice.fork('crowd').chance(1, 4)
    // With a long log whoever is behind gets entries, with a short one snapshots.
    const limits = { ...scenario.limits, snapshotEntries: dice.pick([5, 200]), snapshotBytes: 64 * 1024 }
    return {
      ...scenario,
      limits,
      servers: dice.pick([3, 5]),
      workersPerClient: dice.intInclusive(3, 5) + (isCrowded ? 12 : 0),
      thinkUs: dice.intInclusive(4_000, 12_000),
      faults,
      expects: { 'leader-changes': 1 },
    }
  },
  overSweep: { 'leader-changes': 150, 'partition-servers': 50, 'fault-clog': 10, 'fault-restart-all': 10 },
}

/**
 * The leader is cut off; around its return it, or whoever leads by then, may be killed. Or all are, soon after the
 * others elected another: then the longest log is the one that nobody may follow. Or what it says arrives when others
 * lead. Or it dies while somebody is behind.
 */
function strike(dice: Dice, atMs: number): Fault[] {
  const forMs = dice.intInclusive(600, 2600)
  const cut: Fault = { atMs, kind: 'partition', shape: 'servers', target: 'leader', forMs }
  const downMs = dice.intInclusive(50, 700)
  switch (dice.intInclusive(0, 5)) {
    case 0:
      return [cut]
    case 1: {
      const endMs = dice.intInclusive(1000, 2200)
      return [
        { ...cut, forMs: endMs },
        { atMs: atMs + endMs, kind: 'restart-all', downMs: 50 },
      ]
    }
    case 2:
      return [{ atMs, kind: 'clog', target: 'leader', forMs: dice.intInclusive(1200, 2400) }]
    case 3: {
      const awayMs = dice.intInclusive(100, 900)
      const away: Fault = { atMs, kind: 'partition', shape: 'isolate', target: 'follower', forMs: awayMs }
      return [away, { atMs: atMs + awayMs - 20, kind: 'crash', target: 'leader', downMs: 1500 }]
    }
    default: {
      const target = dice.pick(['leader', 'any'] as const)
      return [cut, { atMs: atMs + forMs + dice.intInclusive(-200, 200), kind: 'crash', target, downMs }]
    }
  }
}
