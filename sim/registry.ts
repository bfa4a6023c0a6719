import { assert } from '../core/lib/assert.ts'
import { createDice, type Dice } from './prng.ts'
import type { Scenario } from './scenario.ts'

/** A claim about the system, and the worlds in which it must hold. */
export interface ScenarioPlan {
  readonly name: string
  /** The claim, in one sentence. */
  readonly describe: string
  /** The world of one seed, as plain data. */
  readonly draw: (dice: Dice) => Scenario
  /** Events too rare for every seed, which must have happened so often in a sweep of at least `sweepSeedsMin` seeds. */
  readonly overSweep?: Readonly<Record<string, number>> | undefined
}

export const sweepSeedsMin = 50

/** Scenarios by name, in the order in which they are listed. */
export type Registry = ReadonlyMap<string, ScenarioPlan>

export function registryOf(plans: readonly ScenarioPlan[]): Registry {
  const registry = new Map(plans.map((plan) => [plan.name, plan]))
  assert(registry.size === plans.length, 'two scenarios have one name')
  return registry
}

/** The scenario of this seed. Its dice are not those of the world, so that the world's draws don't move with it. */
export function drawScenario(plan: ScenarioPlan, seed: string): Scenario {
  return plan.draw(createDice(`${seed} ${plan.name}`))
}
