import { afterAll, expect, test } from 'vitest'
import { Appender, createDocuments, keyOf, Ledger, readAll } from './appenders.contract.ts'
import { Household, ProcessGroup, pause, quietServers, until } from './process-group.contract.ts'

const household = new Household()
afterAll(() => household.end())

const clientCount = 8
/** How many appends a client has under way. */
const window = 24
const acknowledgedMin = 20_000
const resendsMin = 50
/** What must be acknowledged between one fault and the next: a fault that hits an idle group shows nothing. */
const betweenFaults = 500

/** Faults one after another against a group under load. */
class Faults {
  /** How long nothing was acknowledged after a leader was killed. */
  readonly outagesMs: number[] = []
  readonly #group: ProcessGroup
  readonly #ledger: Ledger
  /** Appends one value. */
  readonly #probe: () => Promise<void>

  constructor(group: ProcessGroup, ledger: Ledger, probe: () => Promise<void>) {
    this.#group = group
    this.#ledger = ledger
    this.#probe = probe
  }

  /** `kill -9` of the leader, which comes back a little later. */
  async killLeader(downMs: number): Promise<void> {
    await this.#killLeader(await this.#group.everybodyUp(), downMs)
  }

  /** The same before the server that was killed last is back for sure. */
  async killLeaderSoon(downMs: number): Promise<void> {
    await this.#killLeader(await this.#group.leader(), downMs)
  }

  /** The leader stands still for longer than its group waits for it, and wakes up without knowing. */
  async stopLeader(stoppedMs: number): Promise<void> {
    const name = await this.#group.leader()
    const process = this.#group.process(name)
    process.signal('SIGSTOP')
    await pause(stoppedMs)
    process.signal('SIGCONT')
    await this.#load()
    expect(process.isRunning).toBe(true)
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#group.processes.map((process) => process.kill()))
    this.#group.startAll()
    await this.#load()
  }

  async #killLeader(name: string, downMs: number): Promise<void> {
    const killedAt = performance.now()
    this.#group.process(name).signal('SIGKILL')
    const probe = this.#probe().then(() => this.outagesMs.push(Math.round(performance.now() - killedAt)))
    await this.#group.process(name).exited
    await pause(downMs)
    this.#group.start(name)
    await probe
    await this.#load()
  }

  async #load(): Promise<void> {
    const enough = this.#ledger.acknowledged.size + betweenFaults
    await until('more acknowledged appends', () => this.#ledger.acknowledged.size >= enough)
  }
}

test('every acknowledged append is there once, whatever is killed, stopped and restarted', async () => {
  const servers = await quietServers(['a', 'b', 'c'])
  const group = new ProcessGroup(household, servers, household.folder())
  group.startAll()
  const ledger = new Ledger()
  const appenders = await Promise.all(
    Array.from({ length: clientCount }, async (_, at) => {
      // Two of them give up soon, so that there are values whose fate nobody was told.
      const options = at < 2 ? { timeoutMs: 400 } : {}
      return new Appender(`c${at}`, await household.connect(servers, options), ledger)
    }),
  )
  const [, , patient] = appenders
  if (patient === undefined) throw new Error('too few clients')
  await createDocuments(patient.cluster)
  let faultsAreOver = false
  const isOver = () => faultsAreOver && ledger.acknowledged.size >= acknowledgedMin
  const running = appenders.map((appender) => appender.run(window, isOver))
  const faults = new Faults(group, ledger, () => patient.append())
  await faults.killLeader(300)
  await faults.stopLeader(2500)
  await faults.killLeader(500)
  await faults.killAll()
  await faults.killLeader(800)
  await faults.stopLeader(2500)
  await faults.killLeader(600)
  await faults.killLeaderSoon(400)
  faultsAreOver = true
  await Promise.all(running)
  const values = await readAll(patient.cluster)
  const resends = appenders.reduce((sum, appender) => sum + appender.cluster.stats().resends, 0)
  const { acknowledged, unknown } = ledger
  console.log(
    `${acknowledged.size} acknowledged, ${unknown.size} unknown, ${resends} resends; from kill -9 of a leader to the ` +
      `next acknowledged write, ms: ${faults.outagesMs.join(', ')} (at the last another server was away)`,
  )

  expect(faults.outagesMs.length).toBe(5)
  expect(ledger.acknowledged.size).toBeGreaterThanOrEqual(acknowledgedMin)
  expect(resends).toBeGreaterThanOrEqual(resendsMin)
  expect(ledger.unknown.size).toBeGreaterThan(0)
  expect(appenders.map((appender) => appender.cluster.stats().registered)).toEqual(appenders.map(() => 1))
  const present = new Set(values.map(([, value]) => value))
  expect(present.size).toBe(values.length)
  expect(values.filter(([key, value]) => key !== keyOf(value))).toEqual([])
  expect([...ledger.acknowledged].filter((value) => !present.has(value))).toEqual([])
  expect([...ledger.notExecuted].filter((value) => present.has(value))).toEqual([])
  expect([...present].filter((value) => !ledger.acknowledged.has(value) && !ledger.unknown.has(value))).toEqual([])
  const agreed = await group.agreement()
  expect(agreed.members.map((member) => member.voter)).toEqual([true, true, true])
}, 180_000)
