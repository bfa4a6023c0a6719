import { performance } from 'node:perf_hooks'
import { type RunResult, run } from '../run.ts'
import type { Scenario } from '../scenario.ts'

/** One run of a search, as the searching process tells it, a line of JSON each. */
export interface Sighting {
  /** Which run of the search it was, from 0. */
  readonly at: number
  readonly seed: string
  readonly scenario: string
  readonly held: boolean
  /** What found that it did not hold: names of checks, `assertion`, or `error`. */
  readonly found: readonly string[]
  readonly reason: string | undefined
}

/** Runs `from` to `until`, that one excluded. */
export interface Search {
  readonly scenarios: readonly string[]
  readonly from: number
  readonly until: number
}

/** The argument of a process that searches; the search follows it. */
export const seekArgument = '--seek'

/** Every seed meets all scenarios before the next seed. */
export function placeOf(
  at: number,
  scenarios: readonly string[],
): { readonly seed: string; readonly scenario: string } {
  return { seed: `${Math.floor(at / scenarios.length) + 1}`, scenario: scenarios[at % scenarios.length] ?? '' }
}

/** Runs one world after another and stops behind the first that does not hold. */
export function seek(
  search: Search,
  draw: (name: string, seed: string) => Scenario,
  tell: (sighting: Sighting) => void,
): void {
  for (let at = search.from; at < search.until; at++) {
    const { seed, scenario } = placeOf(at, search.scenarios)
    const result = run(seed, draw(scenario, seed), { wallMs: () => performance.now() })
    const found = foundBy(result)
    const held = found.length === 0
    tell({ at, seed, scenario, held, found, reason: held ? undefined : result.reason })
    if (!held) return
  }
}

/**
 * A run that ends early has no results of the checks that come last; what ended it is told by its reason. A run that
 * met too little of what its scenario is about proves nothing, but shows no bug either.
 */
export function foundBy({
  verdict,
  reason,
  checks,
}: Pick<RunResult, 'verdict' | 'reason' | 'checks'>): readonly string[] {
  const names = checks.filter((check) => check.violations.length > 0).map((check) => check.name)
  if (verdict === 'failed') names.push('error')
  else if (reason?.startsWith('step ') === true) names.push('assertion')
  return names.filter((name) => name !== 'expectations')
}
