import pc from 'picocolors'
import { parseAddress } from '../transports/address.ts'
import { queryStatus } from './admin.ts'
import { type CommandIo, exitCodes } from './command-io.ts'
import type { Flags } from './command-serve.ts'
import { ConfigError, textOf } from './errors.ts'
import { statusText } from './status-text.ts'

const timeoutMsDefault = 5000

/** Shows what a server says of itself; returns the exit code. `problems` were found before. */
export async function statusCommand(flags: Flags, problems: readonly string[], io: CommandIo): Promise<number> {
  const { address, timeoutMs } = checkFlags(flags, problems)
  const status = await queryStatus(address, timeoutMs)
  const { bold } = pc.createColors(io.isTerminal && pc.isColorSupported)
  io.out(flags.json === true ? `${JSON.stringify(status)}\n` : statusText(status, bold))
  return exitCodes.done
}

function checkFlags(flags: Flags, problemsBefore: readonly string[]) {
  const problems = [...problemsBefore]
  const address = typeof flags.server === 'string' ? flags.server : ''
  const problem = addressProblem(flags.server)
  if (problem !== undefined) problems.push(`--server: ${problem}`)
  const timeoutMs = flags.timeout === undefined ? timeoutMsDefault : Number(flags.timeout)
  if (flags.timeout === true || !Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 3_600_000) {
    problems.push('--timeout: needs a whole number of milliseconds from 1 to 3600000')
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return { address, timeoutMs }
}

function addressProblem(server: string | boolean | undefined): string | undefined {
  if (typeof server !== 'string') return server === undefined ? 'is missing; accepted is HOST:PORT' : 'needs a value'
  try {
    return parseAddress(server).port === 0 ? `${server}: port 0 can't be dialled` : undefined
  } catch (error) {
    return textOf(error)
  }
}
