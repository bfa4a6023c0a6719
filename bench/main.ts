import { Command, InvalidArgumentError, Option } from 'commander'
import { short, table } from './figures.ts'
import { type Durability, type LoadRun, mediansOf, runLoad } from './load.ts'

interface Options {
  readonly inFlight: readonly number[]
  readonly seconds: number
  readonly rounds: number
  readonly durability: 'memory' | 'fsync' | 'both'
  readonly profile: string | undefined
  readonly json: boolean
}

async function load(options: Options): Promise<void> {
  const runs = await runLoad({
    inFlight: options.inFlight,
    durabilities: options.durability === 'both' ? ['memory', 'fsync'] : [options.durability satisfies Durability],
    measureMs: options.seconds * 1000,
    rounds: options.rounds,
    profileFolder: options.profile,
    onRun: (run) => {
      if (!options.json && process.stderr.isTTY) process.stderr.write(`${loadCells(run).join('  ')}\n`)
    },
  })
  const medians = mediansOf(runs)
  if (options.json) process.stdout.write(`${JSON.stringify({ load: medians })}\n`)
  else process.stdout.write(`${table(loadHead, medians.map(loadCells))}\n`)
}

const loadHead = [
  'durability',
  'driver',
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
  const figures = [
    run.inFlight,
    run.commitsPerSecond,
    run.p50Us / 1000,
    run.p99Us / 1000,
    run.serverFrames,
    run.serverBytes,
  ]
  const more = [run.serverWrites, run.flushes, run.leaderCpuUs, run.followerCpuUs, run.clientCpuUs]
  return [run.durability, run.driver, ...[...figures, ...more].map(short)]
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
program
  .command('load')
  .addOption(new Option('--in-flight <list>', 'commits in flight').argParser(counts).default([1, 16, 256, 1024]))
  .addOption(new Option('--seconds <n>', 'of each measurement').argParser(positive).default(2))
  .addOption(new Option('--rounds <n>').argParser(positive).default(3))
  .addOption(new Option('--durability <kind>').choices(['memory', 'fsync', 'both']).default('both'))
  .option('--profile <folder>', 'leave CPU profiles of all processes there')
  .option('--json', 'print JSON', false)
  .action(load)
await program.parseAsync()
