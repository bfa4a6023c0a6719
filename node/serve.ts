import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { ServerEvent } from '../core/server/io.ts'
import { defaultLimits, defaultTiming, groupIdOf, type ServerTiming } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import type { Status } from '../core/wire/message.ts'
import { markBurnt, setAsideBurnt } from './burnt-folder.ts'
import { checkServe, type ServeOptions, type ServeSettings } from './config.ts'
import { NodeDisk } from './disk.ts'
import { CoterieError, textOf } from './errors.ts'
import { type Logger, safeLogger } from './logger.ts'
import { RunningServer, type ServerEnd, type ServerFiles } from './running-server.ts'

/** A server of this process. */
export interface Server {
  readonly name: string
  /** Where it listens, `host:port`. */
  readonly address: string
  status(): Status
  /**
   * Hands leadership over, leaves the group if it keeps nothing on disk, and resolves when sockets and files are
   * closed.
   */
  close(): Promise<void>
  /** Resolves when the server has stopped, by `close` or by itself. */
  readonly done: Promise<ServerEnd>
  on(event: 'event', listener: (event: ServerEvent) => void): this
  off(event: 'event', listener: (event: ServerEvent) => void): this
}

/**
 * Runs a server of the group in this process; resolves when it listens. Throws `ConfigError` for wrong options and
 * `CoterieError` with code `CANNOT_START` when its address or its folder can't be used; the folder is as it was
 * then.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  return startServer(checkServe(options), safeLogger(options.logger))
}

/** The same with settings that were checked. `timing` is for tests. */
export async function startServer(
  settings: ServeSettings,
  logger: Logger,
  timing: Partial<ServerTiming> = {},
): Promise<Server> {
  const { name, listen, dataDir, durability } = settings
  if (dataDir !== undefined && durability === 'memory') {
    logger.warn({ dataDir }, 'durability is memory: nothing is kept in the data folder')
  }
  const disk = dataDir === undefined || durability === 'memory' ? undefined : openDisk(dataDir)
  const files = dataDir === undefined || disk === undefined ? undefined : filesOf(settings, dataDir, disk)
  try {
    const machine = openMachine(settings, timing, files, logger)
    const server = new RunningServer(name, machine, files, logger)
    await server.start(listen)
    return server
  } catch (error) {
    await disk?.abandon()
    throw cannotStart(error)
  }
}

function filesOf({ name, servers }: ServeSettings, folder: string, disk: NodeDisk): ServerFiles {
  return { folder, owner: `server ${name} of group ${groupIdOf(servers)}`, disk }
}

function openDisk(folder: string): NodeDisk {
  try {
    return NodeDisk.open(folder)
  } catch (error) {
    throw cannotStart(error)
  }
}

function openMachine(
  settings: ServeSettings,
  timing: Partial<ServerTiming>,
  files: ServerFiles | undefined,
  logger: Logger,
): ServerMachine {
  if (files !== undefined) setAside(files, logger)
  const opened = open(settings, timing, files)
  if (!('refused' in opened)) return opened
  if (files === undefined || opened.refused !== 'BURNT') {
    throw new CoterieError('CANNOT_START', `${settings.dataDir}: ${opened.text}; nothing was changed`)
  }
  logger.error({ code: opened.refused }, `${files.folder}: ${opened.text}; this server joins as a new incarnation`)
  markBurnt(files.folder, files.owner)
  setAside(files, logger)
  const again = open(settings, timing, files)
  if ('refused' in again) throw new CoterieError('CANNOT_START', `${files.folder}: ${again.text}`)
  return again
}

function open(
  { name, servers, durability, clientTimeoutMs }: ServeSettings,
  timing: Partial<ServerTiming>,
  files?: ServerFiles,
) {
  const given = {
    entropy: randomBytes(64),
    wallMs: Date.now(),
    disk: files?.disk.reader(),
    listens: true,
  }
  const clientTiming = clientTimeoutMs === undefined ? {} : { clientTimeoutMs }
  const options = {
    name,
    servers,
    durability,
    timing: { ...defaultTiming, ...clientTiming, ...timing },
    limits: defaultLimits,
  }
  return ServerMachine.open(options, given, performance.now())
}

function setAside({ folder, owner }: ServerFiles, logger: Logger): void {
  const aside = setAsideBurnt(folder, owner)
  if (aside !== undefined)
    logger.error({ aside }, `the identity in ${folder} must not be used again: its files are in ${aside} now`)
}

function cannotStart(error: unknown): CoterieError {
  return error instanceof CoterieError ? error : new CoterieError('CANNOT_START', textOf(error), 'no', { cause: error })
}
