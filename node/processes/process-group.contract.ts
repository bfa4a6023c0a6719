import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Status } from '../../core/wire/message.ts'
import { queryStatus } from '../admin.ts'
import type { Cluster } from '../cluster.ts'
import type { ConnectOptions } from '../config.ts'
import { connect } from '../connect.ts'
import { CoterieError } from '../errors.ts'
import { CommandProcess } from './serve-process.contract.ts'

export type Servers = Readonly<Record<string, string>>

const busyMachineMs = 30_000

/** Waits until `find` finds something; fails when that takes longer than it could on a machine that is merely busy. */
export async function eventually<T>(
  what: string,
  find: () => Promise<T | undefined> | T | undefined,
  patienceMs = busyMachineMs,
): Promise<T> {
  const until = performance.now() + patienceMs
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (performance.now() > until) throw new Error(`this did not come about within ${patienceMs} ms: ${what}`)
    await pause(20)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** The same as a condition. */
export async function until(what: string, isReached: () => boolean): Promise<void> {
  await eventually(what, () => isReached() || undefined)
}

/** Processes, folders and connections of a test; all of them are gone after `end`. */
export class Household {
  readonly #processes: CommandProcess[] = []
  readonly #clusters: Cluster[] = []
  readonly #folders: string[] = []

  /** Runs `coterie` with these arguments. */
  command(...args: readonly string[]): CommandProcess {
    const process = new CommandProcess(args)
    this.#processes.push(process)
    return process
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-'))
    this.#folders.push(folder)
    return folder
  }

  async connect(servers: Servers, options: Partial<ConnectOptions> = {}): Promise<Cluster> {
    const cluster = await connect({ servers, timeoutMs: busyMachineMs, ...options })
    this.#clusters.push(cluster)
    return cluster
  }

  async end(): Promise<void> {
    const clusters = this.#clusters.splice(0).map((cluster) => cluster.close())
    // Servers go at the same time: without them calls under way would have to run into their timeouts first.
    await Promise.all(this.#processes.splice(0).map((process) => process.isRunning && process.kill()))
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true })
    await Promise.all(clusters)
  }
}

/** A group of `coterie serve` processes on loopback. */
export class ProcessGroup {
  readonly servers: Servers
  readonly names: readonly string[]
  readonly #household: Household
  readonly #folder: string | undefined
  readonly #processes = new Map<string, CommandProcess>()

  /** `folder`: where each server has its own; without one they keep everything in memory. */
  constructor(household: Household, servers: Servers, folder?: string) {
    this.#household = household
    this.servers = servers
    this.names = Object.keys(servers)
    this.#folder = folder
  }

  get processes(): readonly CommandProcess[] {
    return [...this.#processes.values()]
  }

  start(name: string): CommandProcess {
    const data = this.#folder === undefined ? [] : ['--data', join(this.#folder, name)]
    const servers = this.names.map((each) => `${each}=${this.servers[each]}`).join(',')
    const process = this.#household.command('serve', '--name', name, '--servers', servers, ...data)
    this.#processes.set(name, process)
    return process
  }

  startAll(): void {
    for (const name of this.names) this.start(name)
  }

  process(name: string): CommandProcess {
    const process = this.#processes.get(name)
    if (process === undefined) throw new Error(`server ${name} was never started`)
    return process
  }

  /** What the server says of itself; undefined when it says nothing. */
  async status(name: string, timeoutMs = 1000): Promise<Status | undefined> {
    try {
      return await queryStatus(this.servers[name] ?? '', timeoutMs)
    } catch (error) {
      if (error instanceof CoterieError) return undefined
      throw error
    }
  }

  async statuses(): Promise<readonly (Status | undefined)[]> {
    return Promise.all(this.names.map((name) => this.status(name)))
  }

  /** The name of the server that leads in the highest term that anybody knows of. */
  async leader(): Promise<string> {
    return eventually('a leader', async () => {
      const statuses = (await this.statuses()).flatMap((status) => status ?? [])
      const term = Math.max(...statuses.map((status) => status.term))
      return statuses.find((status) => status.role === 'leader' && status.term === term)?.leader
    })
  }

  /** Waits until all servers follow one of them and know it, and returns its name. */
  async everybodyUp(): Promise<string> {
    return eventually('a leader that every server knows', async () => {
      const [first, ...others] = await this.statuses()
      return others.every((other) => other?.leader === first?.leader) ? first?.leader : undefined
    })
  }

  /** Waits until every server has applied the same, and returns that; differing states are an error. */
  async agreement(): Promise<Status> {
    return eventually('servers that have applied the same', async () => {
      const [first, ...others] = await this.statuses()
      if (first === undefined || others.some((other) => other?.applied !== first.applied)) return undefined
      for (const other of others) {
        if (other?.stateHash !== first.stateHash) throw new Error(`states differ at ${first.applied}`)
      }
      return first.applied === first.commit ? first : undefined
    })
  }
}

/**
 * Addresses on loopback where nobody listens. Their ports lie below those that the kernel gives to dialling sockets:
 * a server that is away for a moment finds its own port free when it comes back.
 */
export async function quietServers(names: readonly string[]): Promise<Servers> {
  const servers: Record<string, string> = {}
  let port = 12_000 + Math.floor(Math.random() * 18_000)
  for (const name of names) {
    while (!(await isFree(++port)));
    servers[name] = `127.0.0.1:${port}`
  }
  return servers
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.on('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
