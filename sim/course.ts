import { stateLimits } from '../core/state/limits.ts'
import { checkAtomicity } from './checkers/atomicity.ts'
import { checkDurability } from './checkers/durability.ts'
import { checkExactlyOnce } from './checkers/exactly-once.ts'
import { Findings } from './checkers/findings.ts'
import { checkLinearizableByLog } from './checkers/linearizable-by-log.ts'
import { checkPhantomValues } from './checkers/phantom-values.ts'
import { checkSessionGuarantees } from './checkers/session-guarantees.ts'
import type { CheckResult } from './checkers/types.ts'
import { checkBySearch } from './checkers/wgl.ts'
import { placeOf } from './history.ts'
import { finalStateOf } from './holdings.ts'
import { Nemesis } from './nemesis.ts'
import { Restoration } from './restoration.ts'
import type { RunOptions } from './run.ts'
import type { ServerProcess } from './server-process.ts'
import { workSpace } from './workload.ts'
import type { World } from './world.ts'

/** How long the group may take to form, and the healed world to converge. */
const formingMs = 30_000
const convergingMs = 60_000
/** How finely progress is told. */
const sliceUs = 250_000
/** The search takes the documents with these keys; all of them when something else was found. */
const searchedKeys = ['k0', 'k1']
const searchStepsMax = 20_000

/** The run was told to end at this step. */
export class Stopped extends Error {}

/**
 * The phases of a run: the group forms, works under faults, is healed and must converge; then everything is checked.
 */
export class Course {
  readonly nemesis: Nemesis
  checks: readonly CheckResult[] = []
  readonly #world: World
  readonly #options: RunOptions
  readonly #liveness = new Findings('liveness')
  readonly #restoration = new Restoration()

  constructor(world: World, options: RunOptions) {
    this.#world = world
    this.#options = options
    this.nemesis = new Nemesis(world)
    world.onServerStopped = (server) => this.nemesis.supervise(server)
    world.onServerEvent = (server, event) => {
      const state = server.server?.core.state
      if (event.kind === 'snapshot-taken' && state !== undefined) this.#restoration.taken(server.name, state)
    }
  }

  carryOut(): void {
    this.#form()
    this.#load()
    if (this.#world.scenario.ends === 'majority-lost') this.#stayDown()
    else this.#converge()
    this.#check()
  }

  get #limits() {
    return { ...stateLimits, ...this.#world.scenario.state }
  }

  /** What can be said of a run that was not finished: nothing of what servers hold, nor of operations that go on. */
  checkSoFar(): void {
    this.checks = this.#clientChecks([])
  }

  #form(): void {
    const world = this.#world
    for (const server of world.servers) server.start()
    const serves = () => world.servers.some((server) => server.server?.core.serves === true)
    this.#run(formingMs, serves)
    this.#liveness.expect(serves(), () => `the group did not form within ${formingMs} ms`)
  }

  #load(): void {
    const world = this.#world
    for (const client of world.clients) {
      world.crew.employ(client, world.scenario.workersPerClient, world.scenario.readersPerClient ?? 0)
      client.start()
    }
    this.nemesis.begin()
    this.#run(world.scenario.durationMs, () => false)
    this.nemesis.end()
  }

  /** A random core that can form a quorum is healed, the rest stays dead: it must converge and serve. */
  #converge(): void {
    const world = this.#world
    const { crew, scenario } = world
    const core = this.#chooseCore()
    world.tell('the world', `is healed; ${core.map((server) => server.name).join(', ')} live on`)
    this.nemesis.heal(core)
    const before = crew.acknowledged
    const resolvedBefore = world.clients.map((client) => crew.resolvedFor(client))
    const idle = () => world.clients.filter((client, i) => crew.resolvedFor(client) === resolvedBefore[i])
    const served = () => crew.acknowledged >= before + scenario.clients * scenario.workersPerClient
    this.#run(convergingMs, () => served() && idle().length === 0)
    // The world was healed, and each client got work done in it.
    this.#liveness.agree(1 + world.clients.length - idle().length)
    this.#liveness.expect(
      served(),
      () => `${convergingMs} ms after healing, ${crew.acknowledged - before} operations were acknowledged`,
    )
    for (const { name } of idle())
      this.#liveness.violate(`${convergingMs} ms after healing, no transaction of ${name} got a result`)
    crew.finish()
    this.#run(convergingMs, () => crew.isQuiet && isConverged(core))
    this.#liveness.expect(crew.isQuiet, () => `${crew.underWay} operations never ended`)
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
    this.#liveness.expect(
      serving.length === 0 && world.crew.acknowledged === before,
      () => `${serving.map((server) => server.name).join(', ')} served after a majority was lost`,
    )
    this.#liveness.expect(world.crew.isQuiet, () => `${world.crew.underWay} operations never ended`)
  }

  #chooseCore(): readonly ServerProcess[] {
    const world = this.#world
    const dice = world.dice.fork('core')
    const voters = settledVoters(world)
    const durable = world.scenario.durability === 'fsync'
    // In memory mode, and while members are being replaced, only all together are sure to hold a majority of
    // incarnations.
    if (!durable || voters === undefined || voters.length < world.servers.length) return world.servers
    const least = Math.floor(world.servers.length / 2) + 1
    if (world.witness.quorumMayBeDamaged) return world.servers
    return dice.shuffle(world.servers).slice(0, dice.intInclusive(least, world.servers.length))
  }

  #check(): void {
    const { history, scenario, servers, witness } = this.#world
    const { log } = witness
    const up = servers.filter((server) => server.isUp)
    const isWhole = scenario.ends !== 'majority-lost'
    const finalStates = isWhole ? up.map(finalStateOf) : []
    const results = this.#clientChecks(finalStates)
    if (isWhole) results.push(checkDurability({ history, log, finalStates, limits: this.#limits }))
    for (const { name, server } of up) if (server !== undefined) this.#restoration.compare(name, server.core.state)
    this.checks = [...results, this.#restoration.result(), this.#liveness.result()]
  }

  #clientChecks(finalStates: readonly ReturnType<typeof finalStateOf>[]): CheckResult[] {
    const { history, witness } = this.#world
    const limits = this.#limits
    const results: CheckResult[] = [
      checkLinearizableByLog({ log: witness.log, history, limits }),
      checkAtomicity({ history, log: witness.log, finalStates, limits }),
      checkSessionGuarantees(history),
      checkPhantomValues(history),
      checkExactlyOnce({ history, applied: witness.applied, finalStates }),
    ]
    const found = witness.violated || results.some(({ violations }) => violations.length > 0)
    return [...results, this.#search(found)]
  }

  /** An oracle that does not trust the log, on a sample; on everything when another check found something. */
  #search(everything: boolean): CheckResult {
    const places = new Set(searchedKeys.map((key) => placeOf({ space: workSpace, key })))
    const result = everything
      ? checkBySearch({ history: this.#world.history })
      : checkBySearch({ history: this.#world.history, places, stepsMax: searchStepsMax })
    const { name, operations, violations, undecided } = result
    return { name, compared: operations, violations, searches: result.compared, undecided: undecided.length }
  }

  #run(forMs: number, isDone: () => boolean): void {
    const world = this.#world
    const until = world.nowUs + forMs * 1000
    const stepsMax = this.#options.stopAtStep ?? Number.POSITIVE_INFINITY
    for (let at = world.nowUs; at < until && !isDone(); at = Math.min(until, at + sliceUs)) {
      world.runUntil(Math.min(until, at + sliceUs), isDone, stepsMax)
      if (world.steps >= stepsMax) throw new Stopped()
      this.#options.onProgress?.(world.nowMs, world.scenario.durationMs)
    }
  }
}

export function describe(server: ServerProcess): string {
  const machine = server.server
  if (!server.isUp || machine === undefined) return `${server.name} is down`
  const { replica, state } = machine.core
  const { role } = machine.status()
  return `${server.name} ${role} term ${replica?.term} commit ${replica?.commit} applied ${state.appliedIndex}`
}

function isConverged(core: readonly ServerProcess[]): boolean {
  const applied = core.map((server) => server.server?.core.state.appliedIndex ?? -1)
  const committed = core.map((server) => server.server?.core.replica?.commit ?? -2)
  return (
    core.every((server) => server.isUp) && applied.every((index, i) => index === applied[0] && index === committed[i])
  )
}

/** The voters that the servers agree on, when no change is under way. */
function settledVoters(world: World): readonly string[] | undefined {
  const serving = world.servers.find((server) => server.isUp && server.server?.core.serves === true)
  const leader = serving?.server?.core.replica
  if (leader === undefined || leader.membersIndex > leader.commit || leader.members.outgoing.length > 0)
    return undefined
  const running = new Set<string>(world.servers.map((server) => server.server?.id ?? ''))
  return leader.members.voters.filter((id) => running.has(id))
}
