import type { Dice } from '../sim/prng.ts'
import type { Fault } from '../sim/scenario.ts'

/** Two of three servers lose all that they know, close to each other; the `survivor` does not. */
export function lossOfMajority(dice: Dice, atMs: number, durability: 'fsync' | 'memory', survivor: number): Fault[] {
  const kind = durability === 'fsync' ? 'wipe' : 'crash'
  const victims = [0, 1, 2].filter((number) => number !== survivor)
  return victims.map((target) => ({
    atMs: atMs + dice.intInclusive(0, 20),
    kind,
    target,
    downMs: dice.intInclusive(50, 500),
  }))
}
