import { performance } from 'node:perf_hooks'
import { Command, InvalidArgumentError, Option } from 'commander'
import { short, table } from './figures.ts'
import { type LoadRun, mediansOf, runLoad } from './load.ts'
import { type MicroResult, runMicro } from './micro.ts'
import { measureSimulator } from './simulator.ts'
import { measureSlices, sliceFaults } from './slices.ts'

interface Options {
  readonly inFlight: readonly number[]
  readonly seconds: number
  readonly rounds: number
  readonly durability: 'memory' | 'fsync' | 'both'
  readonly profile?: string
  readonly json: boolean
}

/** What one part measured: a table for people, the same as data for programs. */
interface Report {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly data: unknown
}

const parts = { micro, load, sim } as const

async function micro({ seconds }: Options): Promise<Report> {
  const results = await runMicro(seconds * 1000)
  const row = (result: MicroResult) => [
    `${result.suite}: ${result.name}`,
    short(result.ns),
    short(result.margin),
    short(result.ratio),
  ]
  return { title: 'micro', head: ['case', 'ns', '± %', 'x calibration'], rows: results.map(row), data: results }
}

async function load(options: Options): Promise<Report> {
  const { durability, inFlight, rounds, seconds, json } = options
  const runs = await runLoad({
    inFlight,
    durabilities: durability === 'both' ? ['memory', 'fsync'] : [durability],
    measureMs: seconds * 1000,
    rounds,
    profileFolder: options.profile,
    onRun: (run) => {
      if (!json && process.stderr.isTTY) process.stderr.write(`${loadCells(run).join('  ')}\n`)
    },
  })
  const medians = mediansOf(runs)
  return { title: 'load', head: loadHead, rows: medians.map(loadCells), data: medians }
}

/** Frames, bytes, writes and fsyncs are those of all servers, for each commit; so is the time of processors. */
const loadHead = [
  'durability and client',
  'in flight',
  'commits/s',
  'p50 ms',
  'p99 ms',
  'frames',
  'bytes',
  'writes',
  'fsyncs',
  'leader us',
  'follower us',
  'client us',
]

function loadCells(run: LoadRun): readonly string[] {
  const speed = [run.inFlight, run.commitsPerSecond, run.p50Us / 1000, run.p99Us / 1000]
  const traffic = [run.serverFrames, run.serverBytes, run.serverWrites, run.flushes]
  const processors = [run.leaderCpuUs, run.followerCpuUs, run.clientCpuUs]
  return [`${run.durability} ${run.driver}`, ...[...speed, ...traffic, ...processors].map(short)]
}

async function sim({ seconds, rounds }: Options): Promise<Report> {
  const figures = measureSimulator(seconds * 10_000, rounds)
  const rows = figures.map((figure) => [
    `${figure.world}, invariants ${figure.invariants ? 'on' : 'off'}`,
    short(figure.deliveriesPerSecond),
    short(figure.stepsPerSecond),
    short(figure.speed),
  ])
  return {
    title: 'sim',
    head: ['world, in a second of one core', 'deliveries', 'steps', 'virtual seconds'],
    rows,
    data: figures,
  }
}

async function million(documents: number): Promise<Report> {
  const slices = measureSlices(documents, {}, () => performance.now())
  const rows = Object.entries(slices).map(([name, figure]) => [name, short(figure)])
  for (const fault of sliceFaults(slices)) {
    process.exitCode = 1
    process.stderr.write(`${fault}\n`)
  }
  return { title: 'million', head: [`largest of one step, ${documents} documents`, ''], rows, data: slices }
}

/** Prints each report as soon as it is there. */
async function print(reports: readonly (() => Promise<Report>)[], json: boolean): Promise<void> {
  const all: Record<string, unknown> = {}
  for (const make of reports) {
    const report = await make()
    all[report.title] = report.data
    if (!json) process.stdout.write(`${table(report.head, report.rows)}\n\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`)
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('a positive number is needed')
  return value
}

function counts(text: string): readonly number[] {
  return text.split(',').map(positive)
}

const program = new Command('bench').description('Measures what a group commits, and what the parts of it cost.')

const descriptions = {
  micro: 'codec, apply and step, each beside a calibration',
  load: 'three servers and a client in processes of their own',
  sim: 'deliveries of the simulator, with and without invariants',
  all: 'all three',
} as const

for (const [name, description] of Object.entries(descriptions)) {
  program
    .command(name, { isDefault: name === 'all' })
    .description(description)
    .addOption(new Option('--in-flight <list>', 'commits in flight').argParser(counts).default([1, 16, 256, 1024]))
    .addOption(new Option('--seconds <n>', 'that each measurement takes').argParser(positive).default(2))
    .addOption(new Option('--rounds <n>', 'of which the median is printed').argParser(positive).default(3))
    .addOption(new Option('--durability <kind>').choices(['memory', 'fsync', 'both']).default('both'))
    .option('--profile <folder>', 'where every process of the load leaves its CPU profile')
    .option('--json', 'print JSON', false)
    .action((options: Options) => {
      const chosen = Object.entries(parts).filter(([part]) => name === 'all' || name === part)
      const reports = chosen.map(
        ([, part]) =>
          () =>
            part(options),
      )
      return print(reports, options.json)
    })
}
program
  .command('million')
  .description('the most that one step does while snapshots of many documents are made and installed under load')
  .addOption(new Option('--documents <n>').argParser(positive).default(1_000_000))
  .option('--json', 'print JSON', false)
  .action(({ documents, json }: { documents: number; json: boolean }) => print([() => million(documents)], json))
await program.parseAsync()
