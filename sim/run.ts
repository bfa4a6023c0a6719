import type { CheckResult } from './checkers/types.ts'
import { Course, describe, Stopped } from './course.ts'
import { checkExpectations } from './expectations.ts'
import type { Operation } from './history.ts'
import { isBrokenMachine } from './process.ts'
import type { Scenario } from './scenario.ts'
import type { TraceStep } from './trace.ts'
import { type StoryLine, World } from './world.ts'

/** `failed`: the simulator itself did, which says nothing of the system. */
export type Verdict = 'held' | 'violated' | 'failed'

/** What one run came to. Everything in it but `wallMs` is a function of seed and scenario. */
export interface RunResult {
  readonly seed: string
  readonly scenario: Scenario
  readonly verdict: Verdict
  /** Why, when it is not `held`. */
  readonly reason: string | undefined
  /** Where the first invariant broke, if one did; checks of the whole history come after the last step. */
  readonly violatedAt: World['violatedAt']
  /** Set when the run ended early because it was told to: the servers as they were. */
  readonly stoppedAt: { readonly step: number; readonly servers: readonly string[] } | undefined
  readonly endValue: string
  readonly checks: readonly CheckResult[]
  readonly story: readonly StoryLine[]
  /** How often each fault struck, and each event happened. */
  readonly events: ReadonlyMap<string, number>
  readonly acknowledged: number
  readonly leaderChanges: number
  readonly faults: number
  readonly delivered: number
  readonly steps: number
  readonly simulatedMs: number
  readonly wallMs: number
  readonly history: World['history']
}

export interface RunOptions {
  readonly onTrace?: ((step: TraceStep) => void) | undefined
  /** Told of each line of the story as it happens. */
  readonly onStory?: ((line: StoryLine) => void) | undefined
  /** Told now and then how far the run is, in virtual milliseconds; the end comes some time after the total. */
  readonly onProgress?: ((virtualMs: number, totalMs: number) => void) | undefined
  readonly stopAtStep?: number | undefined
  /** Wall clock in milliseconds, for the figures only. */
  readonly wallMs: () => number
}

interface Trouble {
  readonly verdict: Verdict
  readonly reason: string
}

/** Runs one world from forming to its last check. */
export function run(seed: string, scenario: Scenario, options: RunOptions): RunResult {
  const startedMs = options.wallMs()
  const world = new World(seed, scenario)
  world.onTrace = options.onTrace
  world.onStory = options.onStory
  const course = new Course(world, options)
  const { trouble, isStopped } = carryOut(world, course)
  const events = eventsOf(world)
  const found = [...world.witness.results, ...course.checks]
  const isWhole = trouble === undefined && !isStopped
  const checks = isWhole ? [...found, checkExpectations(scenario, events, found)] : found
  const violations = checks.flatMap((check) => check.violations.map((violation) => `${check.name}: ${violation}`))
  const verdict: Verdict = trouble?.verdict ?? (violations.length > 0 ? 'violated' : 'held')
  return {
    seed,
    scenario,
    verdict,
    reason: trouble?.reason ?? violations[0],
    violatedAt: world.violatedAt,
    stoppedAt: isStopped ? { step: world.steps, servers: world.servers.map(describe) } : undefined,
    endValue: endValueOf(world, verdict),
    checks,
    story: world.story,
    events,
    acknowledged: world.crew.acknowledged,
    leaderChanges: world.witness.leaderChanges,
    faults: [...course.nemesis.struck.values()].reduce((sum, count) => sum + count, 0),
    delivered: world.network.counters.delivered,
    steps: world.steps,
    simulatedMs: world.nowMs,
    wallMs: options.wallMs() - startedMs,
    history: world.history,
  }
}

function carryOut(
  world: World,
  course: Course,
): { readonly trouble: Trouble | undefined; readonly isStopped: boolean } {
  try {
    course.carryOut()
    return { trouble: undefined, isStopped: false }
  } catch (error) {
    if (error instanceof Stopped) {
      course.checkSoFar()
      return { trouble: undefined, isStopped: true }
    }
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return {
      trouble: isBrokenMachine(error) ? broken(world, text) : { verdict: 'failed', reason: text },
      isStopped: false,
    }
  }
}

function broken(world: World, text: string): Trouble {
  world.noteViolation()
  return { verdict: 'violated', reason: `step ${world.steps}: ${text}` }
}

function eventsOf(world: World): ReadonlyMap<string, number> {
  const events = new Map(world.events)
  const add = (name: string, count: number) => {
    if (count > 0) events.set(name, (events.get(name) ?? 0) + count)
  }
  add('leader-changes', world.witness.leaderChanges)
  add('acknowledged', world.crew.acknowledged)
  for (const [name, count] of Object.entries(world.network.counters)) add(`network-${name}`, count)
  for (const server of world.servers)
    for (const [name, count] of Object.entries(server.disk.counts)) add(`disk-${name}`, count)
  return events
}

/** All that its client saw of an operation; what it asked for is in the frames that were hashed on their way. */
function hashOperation(hash: World['hash'], { invokedUs, endedUs, ending }: Operation): void {
  hash.number(invokedUs)
  hash.number(endedUs ?? -1)
  if (ending?.type === 'ok') hash.number(ending.observed.index)
  else hash.text(ending?.type === 'fail' ? ending.code : (ending?.reason ?? ''))
}

/** Eight hex digits over everything that happened and was observed. */
function endValueOf(world: World, verdict: Verdict): string {
  const { hash } = world
  hash.text(verdict)
  hash.number(world.crew.acknowledged)
  hash.int(world.dice.fork('end').intInclusive(0, 0x7fffffff))
  for (const operation of world.history.operations) hashOperation(hash, operation)
  for (const server of world.servers) hash.text(server.server?.core.state.digest() ?? '')
  return hash.value.toString(16).padStart(8, '0')
}
