import { Command, CommanderError, InvalidArgumentError } from 'commander'
import type { Registry } from './registry.ts'

/** What the command is asked to do. */
export interface Arguments {
  readonly scenarios: readonly string[]
  /** One seed by its text, or a range of numbers, both ends included. Undefined: any. */
  readonly seed: string | undefined
  readonly range: SeedRange | undefined
  readonly jobs: number
  readonly json: boolean
  readonly gate: boolean
  readonly list: boolean
  readonly trace: string | undefined
  readonly history: string | undefined
  readonly stopAt: number | undefined
}

export interface SeedRange {
  readonly from: number
  readonly to: number
}

/** Text for people goes out or, when they erred, to the errors. */
export interface Written {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

export interface ParseOptions {
  readonly invocation: string
  readonly registry: Registry
  /** Processes of a sweep when nobody says how many. */
  readonly jobsDefault: number
}

interface Parsed {
  readonly seed?: string
  readonly seeds?: SeedRange
  readonly scenario: string
  readonly jobs: number
  readonly json: boolean
  readonly gate: boolean
  readonly list: boolean
  readonly trace?: string
  readonly history?: string
  readonly stopAt?: number
}

export const exitHeld = 0
export const exitViolated = 1
export const exitUsage = 2
export const exitFailed = 3

/** Reads the words of a command line; a number is the code to exit with instead of doing anything. */
export function parseArguments(argv: readonly string[], options: ParseOptions, written: Written): Arguments | number {
  const parser = parserOf(options, written)
  try {
    parser.parse([...argv], { from: 'user' })
    return argumentsOf(parser.opts<Parsed>(), options.registry)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitHeld : exitUsage
    if (!(error instanceof UsageError)) throw error
    written.error(`error: ${error.message}\n`)
    return exitUsage
  }
}

class UsageError extends Error {}

function parserOf({ invocation, registry, jobsDefault }: ParseOptions, written: Written): Command {
  const [scenarioDefault = ''] = registry.keys()
  return new Command()
    .name(invocation)
    .description('Runs worlds: the whole system in one process, with everything that fails drawn from a seed.')
    .option('--seed <text>', 'run the world of this seed')
    .option('--seeds <range>', 'run the worlds of seeds 1 to N, or A..B', rangeOf)
    .option('--scenario <name>', 'the scenario to draw, or all of them: all', scenarioDefault)
    .option('--list', 'list the scenarios with what they claim', false)
    .option('--jobs <count>', 'how many processes share the seeds', wholeOf, jobsDefault)
    .option('--json', 'print one line of JSON for each run', false)
    .option('--trace <file>', 'write every step of every process, as lines of JSON')
    .option('--history <file>', "write the clients' operations in Jepsen's terms, as lines of JSON")
    .option('--stop-at <step>', 'end after this step, and show the servers as they are', wholeOf)
    .option('--gate', 'fail a sweep in which a fault hardly struck or a check hardly compared', false)
    .addHelpText('after', '\nExits with 0 if all held, 1 if not, 2 for wrong usage, 3 if the simulator itself failed.')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: written.out, writeErr: written.error })
}

function argumentsOf(parsed: Parsed, registry: Registry): Arguments {
  const { seed, seeds: range, jobs, json, gate, list, trace, history, stopAt } = parsed
  const isSweep = range !== undefined || parsed.scenario === 'all'
  if (seed === '') throw new UsageError('a seed is never empty')
  if (seed !== undefined && range !== undefined) throw new UsageError('--seed and --seeds exclude one another')
  if (isSweep && (trace !== undefined || history !== undefined || stopAt !== undefined))
    throw new UsageError('--trace, --history and --stop-at are of one run: name a --seed and a --scenario')
  if (gate && range === undefined) throw new UsageError('--gate judges a sweep: name --seeds')
  const scenarios = parsed.scenario === 'all' ? [...registry.keys()] : [parsed.scenario]
  for (const name of scenarios)
    if (!registry.has(name)) throw new UsageError(`there is no scenario ${name}; --list names all`)
  return { scenarios, seed, range, jobs, json, gate, list, trace, history, stopAt }
}

function rangeOf(text: string): SeedRange {
  const match = /^(?:(\d+)\.\.)?(\d+)$/.exec(text)
  const from = Number(match?.[1] ?? 1)
  const to = Number(match?.[2])
  if (!Number.isSafeInteger(to) || from > to) throw new InvalidArgumentError('Not a number of seeds, nor a range A..B.')
  return { from, to }
}

function wholeOf(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('Not a whole number above 0.')
  return number
}
