import { calmPath } from '../sim/path.ts'
import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const clientRetriesAcrossLeaderChangeAndSnapshot: ScenarioPlan = {
  name: 'client-retries-across-leader-change-and-snapshot',
  describe:
    'A request that a client sends again to another leader, which knows of it only by a snapshot, takes effect once.',
  draw: (dice) => {
    const scenario = lightScenario('client-retries-across-leader-change-and-snapshot', dice)
    const path = { ...calmPath, lossPerMillion: dice.intInclusive(10_000, 60_000) }
    const faults = inTurn(dice, scenario.durationMs, [1500, 2200], (atMs) => failover(dice, atMs))
    return {
      ...scenario,
      workersPerClient: 5,
      thinkUs: dice.intInclusive(2_000, 6_000),
      path,
      faults,
      expects: { 'server-snapshot-installed': 1, 'leader-changes': 3 },
    }
  },
  overSweep: { 'client-resent': 100 },
}

/** A follower misses some entries, gets a snapshot, and has a good chance to lead next. */
function failover(dice: Dice, atMs: number): Fault[] {
  const awayMs = dice.intInclusive(150, 500)
  return [
    { atMs, kind: 'partition', shape: 'isolate', target: 'follower', forMs: awayMs },
    {
      atMs: atMs + awayMs + dice.intInclusive(50, 400),
      kind: 'crash',
      target: 'leader',
      downMs: dice.intInclusive(100, 600),
    },
  ]
}
