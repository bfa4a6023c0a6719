import type { Dice } from '../sim/prng.ts'
import type { Fault, Scenario } from '../sim/scenario.ts'
import { calmScenario } from '../sim/swarm.ts'

/** A calm world with a load that leaves time for many seeds, drawn a little differently for each. */
export function lightScenario(name: string, dice: Dice): Scenario {
  return {
    ...calmScenario(name),
    clients: dice.intInclusive(2, 3),
    workersPerClient: dice.intInclusive(2, 3),
    keys: dice.intInclusive(2, 8),
    thinkUs: dice.intInclusive(8_000, 20_000),
    durationMs: 9_000,
  }
}

/** Faults one after the other, `gapMs` apart, while there is time to recover before the load ends. */
export function inTurn(
  dice: Dice,
  durationMs: number,
  gapMs: readonly [min: number, max: number],
  faultsAt: (atMs: number, turn: number) => readonly Fault[],
): Fault[] {
  const faults: Fault[] = []
  let turn = 0
  for (let atMs = 1000; atMs < durationMs - 1000; atMs += dice.intInclusive(gapMs[0], gapMs[1]))
    faults.push(...faultsAt(atMs, turn++))
  return faults
}
