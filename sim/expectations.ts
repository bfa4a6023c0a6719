import { Findings } from './checkers/findings.ts'
import type { CheckResult } from './checkers/types.ts'
import type { Scenario } from './scenario.ts'

/**
 * Checks that may have nothing to compare in one run. Quorums are not counted once a disk was damaged, since fewer than
 * a quorum may then hold what was committed; a search may give up on all of its sample.
 */
const mayCompareNothing: ReadonlySet<string> = new Set(['committed-on-quorum', 'wgl'])

/** Holds a run against vacuity: what the scenario is about happened, and every check compared something. */
export function checkExpectations(
  scenario: Scenario,
  events: ReadonlyMap<string, number>,
  checks: readonly CheckResult[],
): CheckResult {
  const findings = new Findings('expectations')
  for (const [event, least] of Object.entries(scenario.expects ?? {})) {
    const count = events.get(event) ?? 0
    findings.expect(count >= least, () => `${event} happened ${count} times, not ${least}: the run proves nothing`)
  }
  for (const { name, compared } of checks) {
    const vacuous = compared === 0 && !mayCompareNothing.has(name)
    findings.expect(!vacuous, () => `${name} compared nothing: the run proves nothing`)
  }
  return findings.result()
}
