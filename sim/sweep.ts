import type { Registry } from './registry.ts'
import { sweepSeedsMin } from './registry.ts'
import type { Verdict } from './run.ts'
import type { RunLine } from './run-line.ts'
import { faultKinds, partitionShapes } from './scenario.ts'

/** What a gated sweep demands: each fault in so many seeds, and so many comparisons by each check. */
const strikesMin = 10
const comparedMin = 100_000
/**
 * Checks that are not held to `comparedMin`: they say a few things of each run, which no number of seeds makes more
 * sensitive. The search judges a few documents of a run, and how many it gives up has a bound of its own.
 */
const uncounted: ReadonlySet<string> = new Set(['expectations', 'liveness', 'wgl'])
/** A sweep proves little by searches of which it gives up more than so many of a hundred. */
const undecidedPercentMax = 20
/** An operator's order, which only a lost majority needs. */
const ordered: ReadonlySet<string> = new Set(['recover'])

/** What a scenario's runs came to. */
export class ScenarioTally {
  readonly verdicts: Record<Verdict, number> = { held: 0, violated: 0, failed: 0 }
  /** How often each event happened, and in how many runs. */
  readonly events = new Map<string, { total: number; runs: number }>()
  slowest: RunLine | undefined

  get runs(): number {
    return this.verdicts.held + this.verdicts.violated + this.verdicts.failed
  }

  add(line: RunLine): void {
    this.verdicts[line.verdict]++
    if (this.slowest === undefined || line.wallMs > this.slowest.wallMs) this.slowest = line
    for (const [name, count] of Object.entries(line.events)) {
      const { total, runs } = this.events.get(name) ?? { total: 0, runs: 0 }
      this.events.set(name, { total: total + count, runs: runs + 1 })
    }
  }
}

/** Adds up the runs of a sweep, and says whether it proves anything. Keeps only the runs that did not hold. */
export class Sweep {
  readonly tallies = new Map<string, ScenarioTally>()
  readonly compared = new Map<string, number>()
  readonly bad: RunLine[] = []
  /** Runs that were run again, and those of them that came to another end. */
  repeated = 0
  readonly unrepeatable: string[] = []
  delivered = 0
  simulatedMs = 0
  wallMs = 0
  searches = 0
  undecided = 0
  readonly #endValues = new Map<string, string>()

  add(line: RunLine): void {
    const tally = this.tallies.get(line.scenario) ?? new ScenarioTally()
    this.tallies.set(line.scenario, tally)
    tally.add(line)
    if (line.verdict !== 'held') this.bad.push(line)
    for (const { name, compared, searches, undecided } of line.checks) {
      this.compared.set(name, (this.compared.get(name) ?? 0) + compared)
      this.searches += searches ?? 0
      this.undecided += undecided ?? 0
    }
    this.delivered += line.delivered
    this.simulatedMs += line.simulatedMs
    this.wallMs += line.wallMs
  }

  /** To be called for both runs of a world that is run twice. */
  compareEnds(line: RunLine): void {
    const known = this.#endValues.get(line.command)
    if (known === undefined) {
      this.#endValues.set(line.command, line.endValue)
      return
    }
    this.repeated++
    if (known !== line.endValue) this.unrepeatable.push(`${line.command} ends with ${known} and with ${line.endValue}`)
  }

  /** In how many runs an event happened. */
  runsWith(event: string): number {
    let runs = 0
    for (const tally of this.tallies.values()) runs += tally.events.get(event)?.runs ?? 0
    return runs
  }

  /** Why the sweep proves less than it should, though every run may have held. */
  complaints(registry: Registry, gate: boolean): readonly string[] {
    return [...this.#missing(registry), ...this.#givenUp(), ...(gate ? this.#tooFew() : [])]
  }

  #missing(registry: Registry): string[] {
    const complaints: string[] = []
    for (const [name, tally] of this.tallies) {
      if (tally.runs < sweepSeedsMin) continue
      for (const [event, least] of Object.entries(registry.get(name)?.overSweep ?? {})) {
        const total = tally.events.get(event)?.total ?? 0
        if (total < least)
          complaints.push(`${name}: ${event} happened ${total} times in ${tally.runs} seeds, not ${least}`)
      }
    }
    return complaints
  }

  #givenUp(): string[] {
    const { searches, undecided } = this
    if (undecided * 100 <= searches * undecidedPercentMax) return []
    return [`${undecided} of ${searches} searches were given up, more than ${undecidedPercentMax} %`]
  }

  #tooFew(): string[] {
    const complaints: string[] = []
    const events = faultKinds.filter((kind) => !ordered.has(kind)).map((kind) => `fault-${kind}`)
    for (const event of [...events, ...partitionShapes.map((shape) => `partition-${shape}`)]) {
      const runs = this.runsWith(event)
      if (runs < strikesMin) complaints.push(`${event} struck in ${runs} seeds, not ${strikesMin}`)
    }
    for (const [name, compared] of this.compared)
      if (compared < comparedMin && !uncounted.has(name))
        complaints.push(`${name} compared ${compared} times, not ${comparedMin}`)
    return complaints
  }
}
