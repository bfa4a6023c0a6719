import { ReplicatedState } from '../core/state/replicated-state.ts'
import { foldDocument } from '../core/state/fold.ts'
import { checkDurability } from './checkers/durability.ts'
import { checkExactlyOnce } from './checkers/exactly-once.ts'
import { Findings } from './checkers/findings.ts'
import { checkLinearizableByLog } from './checkers/linearizable-by-log.ts'
import { checkPhantomValues } from './checkers/phantom-values.ts'
import { checkSessionGuarantees } from './checkers/session-guarantees.ts'
import type { CheckResult, FinalState, HeldDocument } from './checkers/types.ts'
import { Nemesis } from './nemesis.ts'
import type { Scenario } from './scenario.ts'
import type { ServerProcess } from './server-process.ts'
import { workDocumentOf } from './work-document.ts'
import { workSpace } from './workload.ts'
import { isAssertion, type StoryLine, type TraceStep, World } from './world.ts'

export type Verdict = 'held' | 'violated' | 'failed'

/** What one run came to. Everything in it but `wallMs` is a function of seed and scenario. */
export interface RunResult {
  readonly seed: string
  readonly scenario: Scenario
  readonly verdict: Verdict
  /** Why, when it is not `held`. */
  readonly reason: string | undefined
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
  /** Told now and then how far the run is, in virtual milliseconds. */
  readonly onProgress?: ((virtualMs: number, totalMs: number) => void) | undefined
  readonly stopAtStep?: number | undefined
  /** Wall clock in milliseconds, for the figures only. */
  readonly wallMs: () => number
}

/** How long the group may take to form, and the healed world to converge. */
const formingMs = 30_000
const convergingMs = 60_000

/** Runs one world from forming to its last check. */
export function run(seed: string, scenario: Scenario, options: RunOptions): RunResult {
  const startedMs = options.wallMs()
  const world = new World(seed, scenario)
  world.onTrace = options.onTrace
  const course = new Course(world, options)
  const trouble = course.carryOut()
  const checks = [...world.witness.results, ...course.checks]
  const violations = checks.flatMap((check) => check.violations)
  const verdict: Verdict = trouble?.verdict ?? (violations.length > 0 ? 'violated' : 'held')
  return {
    seed,
    scenario,
    verdict,
    reason: trouble?.reason ?? violations[0],
    endValue: endValueOf(world, verdict),
    checks,
    story: world.story,
    events: eventsOf(world),
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

/** The phases of a run. */
class Course {
  readonly nemesis: Nemesis
  checks: readonly CheckResult[] = []
  readonly #world: World
  readonly #options: RunOptions
  readonly #liveness = new Findings('liveness')

  constructor(world: World, options: RunOptions) {
    this.#world = world
    this.#options = options
    this.nemesis = new Nemesis(world)
    world.onServerStopped = (server) => this.nemesis.supervise(server)
  }

  /** Returns why the run could not end as it should, if it could not. */
  carryOut(): { readonly verdict: Verdict; readonly reason: string } | undefined {
    try {
      this.#form()
      this.#load()
      if (this.#world.scenario.ends === 'converged') this.#converge()
      else this.#stayDown()
      this.#check()
      return undefined
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      if (isAssertion(error)) return { verdict: 'violated', reason: `step ${this.#world.steps}: ${text}` }
      return { verdict: 'failed', reason: text }
    }
  }

  #form(): void {
    const world = this.#world
    for (const server of world.servers) server.start()
    this.#run(formingMs, () => world.servers.some((server) => server.server?.core.serves === true))
    const formed = world.servers.some((server) => server.server?.core.serves === true)
    this.#liveness.expect(formed, () => `the group did not form within ${formingMs} ms`)
  }

  #load(): void {
    const world = this.#world
    for (const client of world.clients) {
      world.crew.employ(client, world.scenario.workersPerClient)
      client.start()
    }
    this.nemesis.begin()
    this.#run(world.scenario.durationMs, () => false)
    this.nemesis.end()
  }

  /** A random core that can form a quorum is healed, the rest stays dead: it must converge and serve. */
  #converge(): void {
    const world = this.#world
    const core = this.#chooseCore()
    world.tell('the world', `is healed; ${core.map((server) => server.name).join(', ')} live on`)
    this.nemesis.heal(core)
    const before = world.crew.acknowledged
    const served = () => world.crew.acknowledged >= before + world.scenario.clients * world.scenario.workersPerClient
    this.#run(convergingMs, served)
    this.#liveness.expect(served(), () => `${convergingMs} ms after healing, ${world.crew.acknowledged - before} operations were acknowledged`)
    world.crew.finish()
    this.#run(convergingMs, () => world.crew.isQuiet && isConverged(core))
    this.#liveness.expect(world.crew.isQuiet, () => `${world.crew.underWay} operations never ended`)
    this.#liveness.expect(isConverged(core), () => `the servers did not converge: ${core.map(describe).join('; ')}`)
  }

  /** A majority lost its memory: the group must notice, and must not serve. */
  #stayDown(): void {
    const world = this.#world
    world.crew.finish()
    const before = world.crew.acknowledged
    this.#run(convergingMs / 4, () => false)
    const noticed = world.events.get('server-majority-lost') ?? 0
    this.#liveness.expect(noticed > 0, () => 'nobody noticed that a majority was lost')
    const serving = world.servers.filter((server) => server.server?.core.serves === true)
    const recovered = world.events.get('fault-recover') ?? 0
    this.#liveness.expect(
      recovered > 0 || (serving.length === 0 && world.crew.acknowledged === before),
      () => `${serving.map((server) => server.name).join(', ')} served after a majority was lost`,
    )
    this.#liveness.expect(recovered === 0 || serving.length === 1, () => 'nobody served after recovery')
  }

  #chooseCore(): readonly ServerProcess[] {
    const world = this.#world
    const dice = world.dice.fork('core')
    const voters = settledVoters(world)
    const durable = world.scenario.durability === 'fsync'
    // In memory mode, and while members are being replaced, only all together are sure to hold a majority of incarnations.
    if (!durable || voters === undefined || voters.length < world.servers.length) return world.servers
    const least = Math.floor(world.servers.length / 2) + 1
    const sound = world.servers.filter((server) => !world.witness.quorumMayBeDamaged || server.server?.core.replica?.repairing === false)
    if (sound.length < least || world.witness.quorumMayBeDamaged) return world.servers
    return dice.shuffle(sound).slice(0, dice.intInclusive(least, sound.length))
  }

  #check(): void {
    const world = this.#world
    const { history } = world
    const log = world.witness.log
    const finalStates = world.servers.filter((server) => server.isUp).map(finalStateOf)
    const results: CheckResult[] = [
      checkLinearizableByLog({ log, history }),
      checkSessionGuarantees(history),
      checkPhantomValues(history),
      checkExactlyOnce({ history, applied: world.witness.applied, finalStates }),
    ]
    if (world.scenario.ends === 'converged') results.push(checkDurability({ history, log, finalStates }))
    results.push(checkRestored(world), this.#liveness.result())
    this.checks = results
  }

  #run(forMs: number, isDone: () => boolean): void {
    const world = this.#world
    const until = world.nowUs + forMs * 1000
    const sliceUs = 250_000
    const stepsMax = this.#options.stopAtStep ?? Number.POSITIVE_INFINITY
    for (let at = world.nowUs; at < until && !isDone() && world.steps < stepsMax; at = Math.min(until, at + sliceUs)) {
      world.runUntil(Math.min(until, at + sliceUs), isDone, stepsMax)
      this.#options.onProgress?.(world.nowMs, world.scenario.durationMs)
    }
  }
}

/** A state restored from each server's snapshot must be that state, and digests kept step by step those computed afresh. */
function checkRestored(world: World): CheckResult {
  const findings = new Findings('snapshot-restores')
  for (const server of world.servers) {
    const state = server.server?.core.state
    if (!server.isUp || state === undefined) continue
    const restorer = ReplicatedState.restorer({ deltasMax: 3, deltaBytesMin: 64, chunkEntriesMax: 3 })
    for (const chunk of state.view().chunks(512)) restorer.push(chunk)
    const restored = restorer.finish()
    findings.expect(restored.digest() === state.digest(), () => `${server.name} restores to another state`)
    findings.expect(state.recomputeDigest() === state.digest(), () => `${server.name} keeps a wrong digest`)
  }
  return findings.result()
}

function finalStateOf(server: ServerProcess): FinalState {
  const state = server.server?.core.state
  const documents: HeldDocument[] = []
  if (state === undefined) return { server: server.name, appliedIndex: 0, documents }
  const listing = state.answer({ kind: 'list', space: workSpace, after: undefined, limit: 1000 })
  for (const key of listing.kind === 'listing' ? listing.keys : []) {
    const answer = state.answer({ kind: 'get', space: workSpace, key })
    const value = answer.kind === 'document' ? workDocumentOf(foldDocument(answer.base, answer.deltas)) : undefined
    if (answer.kind !== 'document' || value === undefined) throw new Error(`${server.name} holds something else at ${key}`)
    documents.push({ space: workSpace, key, birth: answer.birth, version: answer.version, value })
  }
  return { server: server.name, appliedIndex: state.appliedIndex, documents }
}

function isConverged(core: readonly ServerProcess[]): boolean {
  const applied = core.map((server) => server.server?.core.state.appliedIndex ?? -1)
  const committed = core.map((server) => server.server?.core.replica?.commit ?? -2)
  return core.every((server) => server.isUp) && applied.every((index, i) => index === applied[0] && index === committed[i])
}

function describe(server: ServerProcess): string {
  const machine = server.server
  if (!server.isUp || machine === undefined) return `${server.name} is down`
  const { replica, state } = machine.core
  return `${server.name} ${machine.status().role} term ${replica?.term} commit ${replica?.commit} applied ${state.appliedIndex}`
}

/** The voters that the servers agree on, when no change is under way. */
function settledVoters(world: World): readonly string[] | undefined {
  const leader = world.servers.find((server) => server.isUp && server.server?.core.serves === true)?.server?.core.replica
  if (leader === undefined || leader.membersIndex > leader.commit || leader.members.outgoing.length > 0) return undefined
  const running = new Set<string>(world.servers.map((server) => server.server?.id ?? ''))
  return leader.members.voters.filter((id) => running.has(id))
}

function eventsOf(world: World): ReadonlyMap<string, number> {
  const events = new Map(world.events)
  for (const [name, count] of Object.entries(world.network.counters)) if (count > 0) events.set(`network-${name}`, count)
  for (const server of world.servers) {
    for (const [name, count] of Object.entries(server.disk.counts)) {
      if (count > 0) events.set(`disk-${name}`, (events.get(`disk-${name}`) ?? 0) + count)
    }
  }
  return events
}

/** Eight hex digits over everything that happened and was observed. */
function endValueOf(world: World, verdict: Verdict): string {
  const { hash } = world
  hash.text(verdict)
  hash.number(world.crew.acknowledged)
  hash.int(world.dice.fork('end').intInclusive(0, 0x7fffffff))
  for (const line of world.history.jsonLines()) hash.text(line)
  for (const server of world.servers) hash.text(server.server?.core.state.digest() ?? '')
  return hash.value.toString(16).padStart(8, '0')
}

