import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../core/lib/assert.ts'
import { Child, ownFolder } from './children.ts'
import { median } from './figures.ts'
import type { FromClient, FromServer, ToClient, ToServer } from './load-protocol.ts'

export type Durability = 'memory' | 'fsync'
export type Driver = 'machine' | 'promises'

export interface LoadOptions {
  readonly inFlight: readonly number[]
  readonly durabilities: readonly Durability[]
  readonly measureMs: number
  readonly rounds: number
  /** Where every process leaves a CPU profile, if anywhere. */
  readonly profileFolder: string | undefined
  /** Told as soon as a run is over. */
  readonly onRun: (run: LoadRun) => void
}

/** What one run came to; everything but the first three lines is per acknowledged commit or a quantile of latencies. */
export interface LoadRun {
  readonly durability: Durability
  readonly driver: Driver
  readonly inFlight: number
  readonly commitsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** Frames and bytes sent by the servers together. */
  readonly serverFrames: number
  readonly serverBytes: number
  /** Writes to sockets by the servers together. */
  readonly serverWrites: number
  /** Flushes of the servers together. */
  readonly flushes: number
  readonly leaderCpuUs: number
  /** Of one follower, on the average. */
  readonly followerCpuUs: number
  readonly clientCpuUs: number
}

type Sample = Extract<FromServer, { kind: 'sample' }>
type Measured = Extract<FromClient, { kind: 'measured' }>

const warmUpMs = 500

/** Runs every configuration once a round, so that what disturbs this machine for a while disturbs all of them. */
export async function runLoad(options: LoadOptions): Promise<readonly LoadRun[]> {
  const runs: LoadRun[] = []
  for (const durability of options.durabilities) {
    const group = await LoadGroup.start(durability, options.profileFolder)
    for (let round = 0; round < options.rounds; round++) {
      for (const inFlight of options.inFlight) {
        for (const driver of ['machine', 'promises'] as const) {
          const run = await group.run(driver, inFlight, options.measureMs)
          options.onRun(run)
          runs.push(run)
        }
      }
    }
    await group.stop()
  }
  return runs
}

/** One line for each configuration: the median of each figure over the rounds. */
export function mediansOf(runs: readonly LoadRun[]): readonly LoadRun[] {
  const groups = new Map<string, LoadRun[]>()
  for (const run of runs) {
    const key = `${run.durability} ${run.driver} ${run.inFlight}`
    groups.set(key, [...(groups.get(key) ?? []), run])
  }
  return [...groups.values()].map((same) => {
    const of = (figure: (run: LoadRun) => number) => median(same.map(figure))
    return {
      ...must(same[0], 'a group has a run'),
      commitsPerSecond: of((run) => run.commitsPerSecond),
      p50Us: of((run) => run.p50Us),
      p99Us: of((run) => run.p99Us),
      serverFrames: of((run) => run.serverFrames),
      serverBytes: of((run) => run.serverBytes),
      serverWrites: of((run) => run.serverWrites),
      flushes: of((run) => run.flushes),
      leaderCpuUs: of((run) => run.leaderCpuUs),
      followerCpuUs: of((run) => run.followerCpuUs),
      clientCpuUs: of((run) => run.clientCpuUs),
    }
  })
}

/** Three server processes on this machine's loopback, and the client processes that commit to them. */
class LoadGroup {
  readonly #durability: Durability
  readonly #servers: readonly Child<ToServer, FromServer>[]
  readonly #clients: Readonly<Record<Driver, Child<ToClient, FromClient>>>

  private constructor(
    durability: Durability,
    servers: readonly Child<ToServer, FromServer>[],
    clients: Readonly<Record<Driver, Child<ToClient, FromClient>>>,
  ) {
    this.#durability = durability
    this.#servers = servers
    this.#clients = clients
  }

  static async start(durability: Durability, profileFolder: string | undefined): Promise<LoadGroup> {
    const ports = await freePorts(3)
    const pairs = ports.map((port, i) => `${'abc'[i]}=127.0.0.1:${port}`)
    const servers = pairs.map((pair) => {
      const name = pair.slice(0, 1)
      const folder = durability === 'fsync' ? ownFolder(mkdtempSync(join(tmpdir(), 'coterie-bench-'))) : ''
      return new Child<ToServer, FromServer>(
        `server ${name}`,
        'load-server',
        [name, durability, folder, ...pairs],
        profileFolder,
      )
    })
    await Promise.all(servers.map((server) => server.hear('ready')))
    const addresses = pairs.map((pair) => pair.slice(2))
    const client = async (driver: Driver) => {
      const child = new Child<ToClient, FromClient>(
        `client ${driver}`,
        'load-client',
        [driver, ...addresses],
        profileFolder,
      )
      await child.hear('ready')
      return child
    }
    return new LoadGroup(durability, servers, { machine: await client('machine'), promises: await client('promises') })
  }

  async run(driver: Driver, inFlight: number, measureMs: number): Promise<LoadRun> {
    const client = this.#clients[driver]
    client.say({ kind: 'run', inFlight, warmUpMs, measureMs })
    await client.hear('measuring')
    const before = await this.#sample()
    const measured = await client.hear('measured')
    const after = await this.#sample()
    await client.hear('drained')
    return runOf(this.#durability, driver, inFlight, measured, before, after)
  }

  async stop(): Promise<void> {
    await Promise.all([this.#clients.machine, this.#clients.promises].map((client) => client.stop({ kind: 'stop' })))
    await Promise.all(this.#servers.map((server) => server.stop({ kind: 'stop' })))
  }

  #sample(): Promise<readonly Sample[]> {
    return Promise.all(
      this.#servers.map((server) => {
        server.say({ kind: 'sample' })
        return server.hear('sample')
      }),
    )
  }
}

function runOf(
  durability: Durability,
  driver: Driver,
  inFlight: number,
  measured: Measured,
  before: readonly Sample[],
  after: readonly Sample[],
): LoadRun {
  const { acknowledged, ms, p50Us, p99Us, cpuUs } = measured
  const commits = Math.max(1, acknowledged)
  const spent = after.map((sample, i) => ({
    role: sample.role,
    used: difference(sample, must(before[i], 'sampled twice')),
  }))
  const sum = (figure: (sample: Omit<Sample, 'kind' | 'role'>) => number, isLeader?: boolean) =>
    spent
      .filter(({ role }) => isLeader === undefined || (role === 'leader') === isLeader)
      .reduce((total, { used }) => total + figure(used), 0) / commits
  return {
    durability,
    driver,
    inFlight,
    commitsPerSecond: (acknowledged / ms) * 1000,
    p50Us,
    p99Us,
    serverFrames: sum((used) => used.framesOut),
    serverBytes: sum((used) => used.bytesOut),
    serverWrites: sum((used) => used.writes),
    flushes: sum((used) => used.flushes),
    leaderCpuUs: sum((used) => used.cpuUs, true),
    followerCpuUs: sum((used) => used.cpuUs, false) / (spent.length - 1),
    clientCpuUs: cpuUs / commits,
  }
}

function difference(after: Sample, before: Sample): Omit<Sample, 'kind' | 'role'> {
  return {
    flushes: after.flushes - before.flushes,
    cpuUs: after.cpuUs - before.cpuUs,
    framesOut: after.framesOut - before.framesOut,
    bytesOut: after.bytesOut - before.bytesOut,
    writes: after.writes - before.writes,
  }
}

/** Ports that nobody listened on a moment ago. All are held until the last is known, so that they differ. */
async function freePorts(count: number): Promise<readonly number[]> {
  const holders = await Promise.all(Array.from({ length: count }, () => holdPort()))
  await Promise.all(holders.map(({ release }) => release()))
  return holders.map(({ port }) => port)
}

function holdPort(): Promise<{ readonly port: number; readonly release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      resolve({ port, release: () => new Promise((done) => server.close(() => done())) })
    })
  })
}
