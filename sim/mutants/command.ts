import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { exitFailed, exitHeld, exitViolated } from '../arguments.ts'
import type { Scenario } from '../scenario.ts'
import { Progress } from '../terminal.ts'
import { type MutantArguments, parseMutantArguments } from './arguments.ts'
import { Misfit, type Mutant, transform } from './mutant.ts'
import { type HuntReport, hunt } from './runner.ts'
import { type Search, seek, seekArgument } from './seek.ts'
import { lineOf, tableOf } from './table.ts'

export interface MutantCommandOptions {
  readonly mutants: readonly Mutant[]
  /** The world that a scenario draws from a seed. */
  readonly draw: (name: string, seed: string) => Scenario
  /** Where a mutant is sought that names no scenarios. */
  readonly scenario: string
  readonly argv: readonly string[]
  readonly root: string
  /** The source below `root`, without its ending, that calls this again with what it is given. */
  readonly entry: string
  readonly invocation: string
}

/** As a shell has it for a process that Ctrl-C ended. */
const exitInterrupted = 130

const written = {
  out: (text: string) => void process.stdout.write(text),
  error: (text: string) => void process.stderr.write(text),
}

/** The command that plants bugs and seeks them; returns what the process is to exit with. */
export async function mutantsCommand(options: MutantCommandOptions): Promise<number> {
  const { argv, mutants, invocation } = options
  if (argv[0] === seekArgument) return serveSearch(options, JSON.parse(argv[1] ?? '') as Search)
  const args = parseMutantArguments(argv, { invocation, mutants, jobsDefault: availableParallelism() }, written)
  if (typeof args === 'number') return args
  if (args.list) return list(args.mutants)
  const misfits = misfitsOf(args.mutants, options.root)
  for (const { message } of misfits) written.error(`${message}\n`)
  return misfits.length > 0 ? exitViolated : seekAll(options, args)
}

/** The mutants that the sources have no place for. */
export function misfitsOf(mutants: readonly Mutant[], root: string): readonly Misfit[] {
  return mutants.flatMap((mutant) => {
    try {
      transform(readFileSync(join(root, mutant.file), 'utf8'), mutant)
      return []
    } catch (error) {
      if (error instanceof Misfit) return [error]
      throw error
    }
  })
}

function serveSearch({ draw }: MutantCommandOptions, search: Search): number {
  // Whoever asked is gone: nobody will read what is found.
  process.stdout.on('error', () => process.exit(exitFailed))
  seek(search, draw, (sighting) => written.out(`${JSON.stringify(sighting)}\n`))
  return exitHeld
}

function list(mutants: readonly Mutant[]): number {
  for (const { name, row, file, describe } of mutants)
    written.out(`${name}${row === undefined ? '' : ` (row ${row})`}, ${file}\n  ${describe}\n`)
  return exitHeld
}

async function seekAll(options: MutantCommandOptions, args: MutantArguments): Promise<number> {
  const { root, entry, scenario } = options
  const startedAt = performance.now()
  const progress = new Progress('{bar} {value} of {total} mutants{note}', args.mutants.length)
  const interruption = new AbortController()
  const interrupt = () => interruption.abort()
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  const reports: HuntReport[] = []
  const onReport = (report: HuntReport) => {
    reports.push(report)
    if (args.json) written.out(`${JSON.stringify(lineOf(report))}\n`)
    progress.update(
      reports.length,
      `, ${report.mutant.name} ${report.caught === undefined ? 'survived' : 'was caught'}`,
    )
  }
  try {
    const { seeds, jobs } = args
    const { signal } = interruption
    const all = await hunt(args.mutants, { root, entry, scenario, seeds, jobs, signal, onReport })
    progress.stop()
    if (!args.json) written.out(`${tableOf(all)}\n`)
    return conclude(all, performance.now() - startedAt)
  } catch (error) {
    progress.stop()
    if (!args.json) written.out(`${tableOf(reports)}\n`)
    if (interruption.signal.aborted) return exitInterrupted
    written.error(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    return exitFailed
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

function conclude(reports: readonly HuntReport[], wallMs: number): number {
  const survivors = reports.filter(({ caught }) => caught === undefined)
  const caught = reports.length - survivors.length
  written.error(`${caught} of ${reports.length} mutants were caught, in ${(wallMs / 1000).toFixed(0)} s\n`)
  for (const { mutant } of survivors) written.error(`survived: ${mutant.name}: ${mutant.describe}\n`)
  return survivors.length > 0 ? exitViolated : exitHeld
}
