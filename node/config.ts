import { BlockList, isIPv6 } from 'node:net'
import { z } from 'zod'
import { isServerName, type ServerName } from '../core/wire/ids.ts'
import { type Address, parseAddress } from '../transports/address.ts'
import { ConfigError, textOf } from './errors.ts'
import type { Logger } from './logger.ts'
import { shown } from './problems.ts'

/** What `serve` takes, and what a configuration file may hold, without the logger. */
export interface ServeOptions {
  /** Which of `servers` this process is. */
  readonly name: string
  /** All servers of the group, `host:port` by name: 1 to 5. The same on each of them. */
  readonly servers: Readonly<Record<string, string>>
  /** Where to listen, `host:port`, if not at this server's own address in `servers`. */
  readonly listen?: string | undefined
  /** The folder of this server alone. */
  readonly dataDir?: string | undefined
  /**
   * `fsync` survives the loss of power at all servers at once, `memory` that of a minority. By default `fsync` with a
   * `dataDir`.
   */
  readonly durability?: 'fsync' | 'memory' | undefined
  /** A client that was silent for this long is ended. */
  readonly clientTimeoutMs?: number | undefined
  readonly logger?: Logger | undefined
}

/** What `connect` takes. */
export interface ConnectOptions {
  /** Addresses of some servers, `host:port`; better of all. Names before them, as in `serve`, are not needed here. */
  readonly servers: string | readonly string[] | Readonly<Record<string, string>>
  /** How long a call may take, 10 s by default. */
  readonly timeoutMs?: number | undefined
  /** How long to wait for a server that takes this client in, 30 s by default. */
  readonly connectTimeoutMs?: number | undefined
  readonly logger?: Logger | undefined
}

export interface ServeSettings {
  readonly name: ServerName
  readonly servers: ReadonlyMap<ServerName, string>
  readonly listen: string
  readonly dataDir: string | undefined
  readonly durability: 'fsync' | 'memory'
  readonly clientTimeoutMs: number | undefined
}

export interface ConnectSettings {
  readonly addresses: readonly string[]
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
}

const serversMax = 5
const timeoutMsMax = 24 * 3600 * 1000
const nameText = '1 to 64 characters of a-z, 0-9, ".", "_" and "-"'
const serversText = '1 to 5 servers as NAME: HOST:PORT'

/** The message for a value of the wrong type, or for none where there must be one. */
function accepted(what: string) {
  return { error: (issue: { readonly input?: unknown }) => `${missingOr(issue.input)}; accepted is ${what}` }
}

function missingOr(input: unknown): string {
  return input === undefined ? 'is missing' : `${shown(input)} is not accepted`
}

const milliseconds = z
  .number(accepted(`a whole number of milliseconds from 1 to ${timeoutMsMax}`))
  .refine((ms) => Number.isInteger(ms) && ms >= 1 && ms <= timeoutMsMax, {
    error: (issue) => `${String(issue.input)} is not a whole number of milliseconds from 1 to ${timeoutMsMax}`,
  })
  .optional()

const logger = z
  .custom<Logger>(hasLogMethods, { error: 'is not a logger; accepted is an object with debug, info, warn and error' })
  .optional()

const serveSchema = z.strictObject(
  {
    name: z.string(accepted(nameText)),
    servers: z.record(z.string(), z.string(accepted('HOST:PORT')), accepted(serversText)),
    listen: z.string(accepted('HOST:PORT')).optional(),
    dataDir: z.string(accepted('the path of a folder')).min(1, 'is empty; accepted is the path of a folder').optional(),
    durability: z.enum(['fsync', 'memory'], accepted('fsync or memory')).optional(),
    clientTimeoutMs: milliseconds,
    logger,
  },
  accepted('an object'),
)

const connectSchema = z.strictObject(
  {
    servers: z.union(
      [z.string(), z.array(z.string()), z.record(z.string(), z.string())],
      accepted('HOST:PORT, a list of them, or an object with one for each name'),
    ),
    timeoutMs: milliseconds,
    connectTimeoutMs: milliseconds,
    logger,
  },
  accepted('an object'),
)

/** Checks options from anywhere. Throws `ConfigError` with every problem. */
export function checkServe(options: unknown): ServeSettings {
  const result = serveSchema.safeParse(options)
  const problems = [...problemsOf(result.error, serveSchema), ...serveProblems(fieldsOf(options))]
  if (!result.success || problems.length > 0) throw new ConfigError(problems)
  const { name, servers, listen, dataDir, durability, clientTimeoutMs } = result.data
  const byName = new Map(Object.entries(servers).map(([each, address]) => [each as ServerName, address]))
  return {
    name: name as ServerName,
    servers: byName,
    listen: listen ?? servers[name] ?? '',
    dataDir,
    durability: durability ?? (dataDir === undefined ? 'memory' : 'fsync'),
    clientTimeoutMs,
  }
}

/** Checks options from anywhere. Throws `ConfigError` with every problem. */
export function checkConnect(options: unknown): ConnectSettings {
  const result = connectSchema.safeParse(options)
  const problems = [...problemsOf(result.error, connectSchema)]
  const addresses = result.success ? addressesOf(result.data.servers) : []
  if (result.success && addresses.length === 0) problems.push('servers: is empty; at least one HOST:PORT is needed')
  for (const address of addresses) problems.push(...addressProblems('servers', address, 1))
  if (!result.success || problems.length > 0) throw new ConfigError(problems)
  const { timeoutMs, connectTimeoutMs } = result.data
  return { addresses, timeoutMs: timeoutMs ?? 10_000, connectTimeoutMs: connectTimeoutMs ?? 30_000 }
}

function addressesOf(servers: ConnectOptions['servers']): readonly string[] {
  if (typeof servers === 'string') return [servers]
  return [...new Set(Object.values(servers))]
}

function problemsOf(error: z.ZodError | undefined, schema: { readonly shape: object }): readonly string[] {
  const known = Object.keys(schema.shape).join(', ')
  return (error?.issues ?? []).flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [`${issue.path.join('.') || 'options'}: ${issue.message}`]
    return issue.keys.map((key) => `${[...issue.path, key].join('.')}: unknown; accepted are ${known}`)
  })
}

/** What no type can say. Looks at whatever is there, so that these problems are told together with those of types. */
function serveProblems({ name, servers, listen, dataDir, durability }: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = []
  if (typeof name === 'string' && !isServerName(name))
    problems.push(`name: "${name}" is not accepted; a name has ${nameText}`)
  if (typeof servers === 'object' && servers !== null) {
    problems.push(...serversProblems(servers))
    if (typeof name === 'string' && isServerName(name) && !Object.hasOwn(servers, name)) {
      problems.push(`name: "${name}" is not one of servers (${Object.keys(servers).join(', ')})`)
    }
  }
  if (typeof listen === 'string') problems.push(...addressProblems('listen', listen, 0), ...exposure('listen', listen))
  if (durability === 'fsync' && dataDir === undefined) {
    problems.push('dataDir: is missing; durability fsync needs a folder to write to')
  }
  return problems
}

function serversProblems(servers: object): string[] {
  const problems: string[] = []
  const entries = Object.entries(servers)
  const named = new Map<unknown, string>()
  if (entries.length < 1 || entries.length > serversMax) {
    problems.push(`servers: names ${entries.length} servers; accepted are ${serversText}`)
  }
  for (const [name, address] of entries) {
    const path = `servers.${name}`
    if (!isServerName(name)) problems.push(`${path}: "${name}" is not accepted; a name has ${nameText}`)
    if (typeof address !== 'string') continue
    problems.push(...addressProblems(path, address, 1), ...exposure(path, address))
    const other = named.get(address)
    if (other !== undefined) problems.push(`${path}: has the address of ${other}`)
    named.set(address, name)
  }
  return problems
}

function addressProblems(path: string, text: string, portMin: number): string[] {
  const address = parsed(text)
  if (typeof address === 'string') return [`${path}: ${address}`]
  return address.port >= portMin ? [] : [`${path}: port ${address.port} can't be dialled; accepted is 1 to 65535`]
}

/** Without a secret or TLS nobody proves who he is, so other machines are kept out altogether. */
function exposure(path: string, text: string): string[] {
  const address = parsed(text)
  if (typeof address === 'string' || isLoopback(address.host)) return []
  return [
    `${path}: ${text} is reachable from other machines; without a secret or TLS only loopback is accepted ` +
      '(127.0.0.1, [::1], localhost)',
  ]
}

function parsed(text: string): Address | string {
  try {
    return parseAddress(text)
  } catch (error) {
    return textOf(error)
  }
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

function isLoopback(host: string): boolean {
  return host === 'localhost' || loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4')
}

function hasLogMethods(value: unknown): boolean {
  const methods = fieldsOf(value)
  return ['debug', 'info', 'warn', 'error'].every((level) => typeof methods[level] === 'function')
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
