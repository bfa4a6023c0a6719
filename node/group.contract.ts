import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerTiming } from '../core/server/options.ts'
import type { Cluster } from './cluster.ts'
import { checkServe, type ServeOptions } from './config.ts'
import { connect } from './connect.ts'
import { type Logger, silentLogger } from './logger.ts'
import { type Server, startServer } from './serve.ts'

/**
 * Groups with real sockets for tests: quick to form, on ports nobody uses, in folders that go when the test is over.
 */

export const quickTiming: Partial<ServerTiming> = { foundingMs: 20, electionMsMin: 200, heartbeatMs: 40 }

/** Addresses on loopback where nobody listens now. */
export async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = servers.map(
    (server) =>
      new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => {
          const address = server.address()
          resolve(typeof address === 'object' && address !== null ? address.port : 0)
        })
      }),
  )
  const addresses = (await Promise.all(ports)).map((port) => `127.0.0.1:${port}`)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return addresses
}

export async function freeServers(names: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const addresses = await freeAddresses(names.length)
  return Object.fromEntries(names.map((name, at) => [name, addresses[at] ?? '']))
}

/** Whatever a test opened, closed in the opposite order when it is over. */
export class Cleanup {
  readonly #closers: (() => unknown)[] = []

  add(close: () => unknown): void {
    this.#closers.push(close)
  }

  async run(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-'))
    this.add(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }

  async serve(options: ServeOptions, logger: Logger = silentLogger): Promise<Server> {
    const server = await startServer(checkServe(options), logger, quickTiming)
    this.add(() => server.close())
    return server
  }

  async group(servers: Readonly<Record<string, string>>): Promise<readonly Server[]> {
    return Promise.all(Object.keys(servers).map((name) => this.serve({ name, servers })))
  }

  async connect(servers: Readonly<Record<string, string>>, timeoutMs = 10_000): Promise<Cluster> {
    const cluster = await connect({ servers, timeoutMs })
    this.add(() => cluster.close())
    return cluster
  }
}

export async function until(isReached: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000 && !isReached(); i++) await new Promise((resolve) => setTimeout(resolve, 5))
  if (!isReached()) throw new Error(`this did not come about: ${what}`)
}

export function leaderOf(servers: readonly Server[]): Server {
  const leader = servers.find((server) => server.status().role === 'leader')
  if (leader === undefined) throw new Error('nobody leads')
  return leader
}

/** Every file below a folder with its content, to tell whether anything was touched. */
export function contentOf(folder: string): Readonly<Record<string, string>> {
  const content: Record<string, string> = {}
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, file)
    content[file] = statSync(path).isDirectory() ? 'folder' : readFileSync(path).toString('latin1')
  }
  return content
}

/** A logger that keeps what it is told. */
export function keepingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (level: string) => (_: object, text: string) => void lines.push(`${level} ${text}`)
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}
