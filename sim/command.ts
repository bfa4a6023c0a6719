import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { must } from '../core/lib/assert.ts'
import {
  type Arguments,
  exitFailed,
  exitHeld,
  exitUsage,
  exitViolated,
  parseArguments,
  type SeedRange,
} from './arguments.ts'
import { type Job, Jobs, jobArgument, serveJobs } from './jobs.ts'
import { LinesFile } from './lines-file.ts'
import { drawScenario, type Registry } from './registry.ts'
import { resultLines, storyLines, worldLines } from './report.ts'
import { run, type Verdict } from './run.ts'
import { lineOf, type RunLine } from './run-line.ts'
import { Sweep } from './sweep.ts'
import { sweepLines } from './sweep-report.ts'
import { colorsFor, Progress } from './terminal.ts'
import type { TraceStep } from './trace.ts'

export interface CommandOptions {
  readonly registry: Registry
  /** The words behind the command. */
  readonly argv: readonly string[]
  /** The module to start further processes with; it calls `command` again with what it is given. */
  readonly entry: string
  /** How people start it, for the commands that it prints: `npm run sim --`. */
  readonly invocation: string
}

/** As a shell has it for a process that Ctrl-C ended. */
const exitInterrupted = 130
/** A world in so many is run twice in a sweep, and must come to the same end. */
const againEvery = 100

const written = {
  out: (text: string) => void process.stdout.write(text),
  error: (text: string) => void process.stderr.write(text),
}

/**
 * The command of a registry of scenarios: runs one world or sweeps many, and returns what the process is to exit with.
 */
export async function command(options: CommandOptions): Promise<number> {
  const { argv, registry, invocation } = options
  if (argv[0] === jobArgument) {
    await serveJobs(registry, invocation)
    return exitHeld
  }
  const args = parseArguments(argv, { invocation, registry, jobsDefault: availableParallelism() }, written)
  if (typeof args === 'number') return args
  if (args.list) return list(registry)
  if (args.range === undefined && args.scenarios.length === 1) return runOne(options, args)
  return sweep(options, args)
}

function print(lines: readonly string[]): void {
  written.out(`${lines.join('\n')}\n`)
}

function list(registry: Registry): number {
  const colors = colorsFor(process.stdout)
  print([...registry.values()].flatMap(({ name, describe }) => [colors.bold(name), `  ${describe}`]))
  return exitHeld
}

function runOne({ registry, invocation }: CommandOptions, args: Arguments): number {
  const files = openFiles(args)
  if (files === undefined) return exitUsage
  const colors = colorsFor(process.stdout)
  const seed = args.seed ?? String(randomInt(1_000_000_000))
  const plan = must(registry.get(must(args.scenarios[0], 'one scenario')), 'a scenario of the registry')
  const scenario = drawScenario(plan, seed)
  if (!args.json) print(worldLines(scenario, seed, plan.describe, colors))
  const progress = new Progress('{bar} {percentage} % of the load', scenario.durationMs)
  const result = run(seed, scenario, {
    wallMs: () => performance.now(),
    onProgress: (virtualMs) => progress.update(Math.floor(virtualMs)),
    onTrace: files.trace === undefined ? undefined : (step) => files.trace?.write(JSON.stringify(stepLine(step))),
    onStory: files.trace === undefined ? undefined : (line) => files.trace?.write(JSON.stringify(line)),
    stopAtStep: args.stopAt,
  })
  progress.stop()
  for (const line of files.history === undefined ? [] : result.history.jsonLines()) files.history?.write(line)
  files.trace?.close()
  files.history?.close()
  const line = lineOf(result, invocation)
  if (args.json) print([JSON.stringify(line)])
  else print([...storyLines(result.story, colors), ...resultLines(result, line, colors)])
  return exitOf([result.verdict])
}

function openFiles(args: Arguments): { trace: LinesFile | undefined; history: LinesFile | undefined } | undefined {
  try {
    return {
      trace: args.trace === undefined ? undefined : new LinesFile(args.trace),
      history: args.history === undefined ? undefined : new LinesFile(args.history),
    }
  } catch (error) {
    written.error(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    return undefined
  }
}

function stepLine({ hash, ...step }: TraceStep): object {
  return { ...step, hash: hash.toString(16).padStart(8, '0') }
}

async function sweep({ registry, entry, invocation }: CommandOptions, args: Arguments): Promise<number> {
  const seeds = seedsOf(args)
  const total = seeds.length * args.scenarios.length
  const found = new Sweep()
  const progress = new Progress('{bar} {value} of {total} worlds{note}', total)
  const tell = (job: Job, line: RunLine) => {
    if (isRepeated(job.seed)) found.compareEnds(line)
    if (job.again) return
    found.add(line)
    if (args.json) print([JSON.stringify(line)])
    progress.update(++done, found.bad.length > 0 ? `, ${found.bad.length} did not hold` : '')
  }
  let done = 0
  const startedMs = performance.now()
  const jobs = new Jobs(jobsOf(args.scenarios, seeds), tell, { entry, invocation })
  const isInterrupted = await untilDone(jobs, Math.min(args.jobs, total))
  progress.stop()
  const complaints = isInterrupted ? [] : found.complaints(registry, args.gate)
  const lines = sweepLines(
    found,
    performance.now() - startedMs,
    complaints,
    colorsFor(args.json ? process.stderr : process.stdout),
  )
  if (isInterrupted) lines.push('', `interrupted: ${done} of ${total} worlds were run`)
  if (args.json) written.error(`${lines.join('\n')}\n`)
  else print(lines)
  if (isInterrupted) return exitInterrupted
  const code = exitOf(found.bad.map(({ verdict }) => verdict))
  if (code !== exitHeld) return code
  if (found.unrepeatable.length > 0) return exitFailed
  return complaints.length > 0 ? exitViolated : exitHeld
}

/** Runs all jobs; true when somebody asked to stop before. */
async function untilDone(jobs: Jobs, processes: number): Promise<boolean> {
  let isInterrupted = false
  const interrupt = () => {
    isInterrupted = true
    jobs.end()
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  await jobs.run(processes)
  process.off('SIGINT', interrupt)
  process.off('SIGTERM', interrupt)
  return isInterrupted
}

function seedsOf({ range, seed }: Arguments): readonly string[] {
  if (range === undefined) return [seed ?? String(randomInt(1_000_000_000))]
  return Array.from({ length: countOf(range) }, (_, i) => String(range.from + i))
}

function countOf({ from, to }: SeedRange): number {
  return to - from + 1
}

/** Every seed meets all scenarios before the next seed. */
function* jobsOf(scenarios: readonly string[], seeds: readonly string[]): Generator<Job> {
  for (const seed of seeds) {
    for (const scenario of scenarios) {
      yield { scenario, seed, again: false }
      if (isRepeated(seed)) yield { scenario, seed, again: true }
    }
  }
}

function isRepeated(seed: string): boolean {
  return Number(seed) % againEvery === 1
}

/** A broken promise outweighs a broken simulator. */
function exitOf(verdicts: readonly Verdict[]): number {
  if (verdicts.includes('violated')) return exitViolated
  return verdicts.includes('failed') ? exitFailed : exitHeld
}
