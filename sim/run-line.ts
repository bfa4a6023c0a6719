import type { CheckResult } from './checkers/types.ts'
import type { RunResult, Verdict } from './run.ts'

/** A run as one line of JSON: what programs read of it, and what processes of a sweep tell each other. */
export interface RunLine {
  readonly seed: string
  readonly scenario: string
  readonly verdict: Verdict
  /** Why, when it is not `held`. */
  readonly reason: string | null
  /** The step and virtual time at which an invariant broke. */
  readonly violatedAt: { readonly step: number; readonly atMs: number } | null
  readonly endValue: string
  readonly checks: readonly CheckResult[]
  readonly events: Readonly<Record<string, number>>
  readonly acknowledged: number
  readonly leaderChanges: number
  readonly faults: number
  readonly delivered: number
  readonly steps: number
  readonly simulatedMs: number
  readonly wallMs: number
  /** What repeats the run. */
  readonly command: string
}

export function lineOf(result: RunResult, invocation: string): RunLine {
  const { seed, verdict, endValue, checks, acknowledged, leaderChanges, faults, delivered, steps } = result
  const { violatedAt, stoppedAt } = result
  const scenario = result.scenario.name
  return {
    seed,
    scenario,
    verdict,
    reason: result.reason ?? null,
    violatedAt: violatedAt === undefined ? null : { step: violatedAt.step, atMs: violatedAt.atUs / 1000 },
    endValue,
    checks,
    events: Object.fromEntries(result.events),
    acknowledged,
    leaderChanges,
    faults,
    delivered,
    steps,
    simulatedMs: result.simulatedMs,
    wallMs: Math.round(result.wallMs),
    command: repeatCommand(invocation, scenario, seed, stoppedAt?.step),
  }
}

/** The line of a run that never came back. */
export function lostLine(scenario: string, seed: string, reason: string, invocation: string): RunLine {
  return {
    seed,
    scenario,
    verdict: 'failed',
    reason,
    violatedAt: null,
    endValue: '00000000',
    checks: [],
    events: {},
    acknowledged: 0,
    leaderChanges: 0,
    faults: 0,
    delivered: 0,
    steps: 0,
    simulatedMs: 0,
    wallMs: 0,
    command: repeatCommand(invocation, scenario, seed),
  }
}

export function repeatCommand(invocation: string, scenario: string, seed: string, stopAt?: number): string {
  const stop = stopAt === undefined ? '' : ` --stop-at ${stopAt}`
  return `${invocation} --scenario ${scenario} --seed ${quoted(seed)}${stop}`
}

/** As a POSIX shell reads it. */
function quoted(text: string): string {
  return /^[\w.:@%+=,/][\w.:@%+=,/-]*$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
