import { type CommandIo, type ExitSignal, exitCodes, exitSignals } from './command-io.ts'
import { checkServe, type ServeSettings } from './config.ts'
import { readConfigFile } from './config-file.ts'
import { ConfigError } from './errors.ts'
import { startServer } from './serve.ts'

/** What the command line holds; an option without its value is `true`, which no option accepts. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>

/** Options of the command line and what each is called in a configuration file. */
const optionOf = { name: 'name', listen: 'listen', data: 'dataDir', durability: 'durability' } as const

/** Runs a server until it is asked to stop, or has to; returns the exit code. `problems` were found before. */
export async function serveCommand(flags: Flags, problems: readonly string[], io: CommandIo): Promise<number> {
  const settings = settingsOf(flags, problems)
  // Listened for from the start: whoever reads that the server listens may ask it to stop in the next moment.
  const asked = askedToStop(io)
  const server = await startServer(settings, io.logger)
  void asked.then(() => server.close())
  const { reason } = await server.done
  return reason === 'stopped' ? exitCodes.done : exitCodes.failed
}

/** Resolves at the first signal, which asks for an orderly end; the second does not ask. */
function askedToStop(io: CommandIo): Promise<void> {
  return new Promise((resolve) => {
    let isStopping = false
    io.onSignal((signal: ExitSignal) => {
      if (isStopping) {
        io.exit(exitSignals[signal])
        return
      }
      isStopping = true
      io.logger.info({ signal }, `${signal}: stopping; a second signal ends this process at once`)
      resolve()
    })
  })
}

/** The file's options with the command line's over them, checked. Throws `ConfigError` with the problems of both. */
export function settingsOf(flags: Flags, problemsBefore: readonly string[]): ServeSettings {
  const problems = [...problemsBefore]
  const options: Record<string, unknown> = { ...collect(problems, () => fileOptions(flags, problems)) }
  for (const [flag, option] of Object.entries(optionOf)) {
    const value = flags[flag]
    if (value !== undefined) options[option] = value === true ? '' : value
  }
  if (flags.servers === true) options.servers = ''
  if (typeof flags.servers === 'string') options.servers = parseServers(flags.servers, problems)
  const settings = collect(problems, () => checkServe(options))
  if (settings === undefined || problems.length > 0) throw new ConfigError(problems)
  return settings
}

function fileOptions(flags: Flags, problems: string[]): Readonly<Record<string, unknown>> {
  if (flags.config === true) problems.push('--config: needs a value')
  return typeof flags.config === 'string' ? readConfigFile(flags.config) : {}
}

/** `a=HOST:PORT,b=HOST:PORT` as an object. */
function parseServers(text: string, problems: string[]): Readonly<Record<string, string>> {
  const servers = new Map<string, string>()
  for (const part of text.split(',')) {
    const [, name = '', address = ''] = /^([^=]+)=(.+)$/.exec(part.trim()) ?? []
    if (name === '') problems.push(`--servers: "${part}" is not NAME=HOST:PORT`)
    else if (servers.has(name)) problems.push(`--servers: ${name} is there twice`)
    else servers.set(name, address)
  }
  return Object.fromEntries(servers)
}

function collect<T>(problems: string[], attempt: () => T): T | undefined {
  try {
    return attempt()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    problems.push(...error.problems)
    return undefined
  }
}
