import type { Dice } from '../sim/prng.ts'
import type { ScenarioPlan } from '../sim/registry.ts'
import type { Fault } from '../sim/scenario.ts'
import { inTurn, lightScenario } from './light.ts'

export const wildClocks: ScenarioPlan = {
  name: 'wild-clocks',
  describe:
    'No clock makes a server wrong: a leader that is cut off and takes its time to notice answers nothing stale.',
  draw: (dice) => {
    const scenario = lightScenario('wild-clocks', dice)
    const durationMs = 12_000
    const faults = inTurn(dice, durationMs, [2600, 3600], (atMs) => leftBehind(dice, atMs, scenario.clients))
    return {
      ...scenario,
      clients: 3,
      workersPerClient: 3,
      readersPerClient: 1,
      keys: 2,
      durationMs,
      // Leads change, so every server's clock is slow at some time and fast at another.
      clockRatesPpm: [1_000_000, 1_400_000, 1_800_000],
      faults,
      expects: { 'fault-clock-rate': 3, 'fault-partition': 1, 'leader-changes': 1 },
    }
  },
  overSweep: { 'leader-changes': 150, 'fault-partition': 125 },
}

/**
 * The leader's clock slows down, then other servers can't reach it; a client is started again and finds who leads by
 * then.
 */
function leftBehind(dice: Dice, atMs: number, clients: number): Fault[] {
  const forMs = dice.intInclusive(1500, 2400)
  const client = dice.intInclusive(0, clients)
  return [
    { atMs, kind: 'clock-rate', target: 'leader', ratePpm: dice.intInclusive(350_000, 600_000) },
    { atMs: atMs + 50, kind: 'partition', shape: 'servers', target: 'leader', forMs },
    { atMs: atMs + dice.intInclusive(500, 1300), kind: 'client-crash', client },
    { atMs: atMs + dice.intInclusive(500, 1300), kind: 'client-crash', client },
    // Whoever leads now had time to win with a fast clock.
    { atMs: atMs + forMs + 100, kind: 'clock-rate', target: 'any', ratePpm: dice.intInclusive(1_000_000, 2_000_000) },
  ]
}
