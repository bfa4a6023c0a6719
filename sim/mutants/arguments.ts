import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { exitHeld, exitUsage, type Written } from '../arguments.ts'
import type { Mutant } from './mutant.ts'

/** What `npm run mutants` is asked to do. */
export interface MutantArguments {
  readonly mutants: readonly Mutant[]
  readonly seeds: number
  readonly jobs: number
  readonly json: boolean
  readonly list: boolean
}

export interface MutantParseOptions {
  readonly invocation: string
  readonly mutants: readonly Mutant[]
  readonly jobsDefault: number
}

interface Parsed {
  readonly only?: readonly string[]
  readonly sample?: number
  readonly seeds: number
  readonly jobs: number
  readonly json: boolean
  readonly list: boolean
}

/** Within so many seeds each mutant must be caught. */
const seedsDefault = 200

/** Reads the words of a command line; a number is the code to exit with instead of doing anything. */
export function parseMutantArguments(
  argv: readonly string[],
  options: MutantParseOptions,
  written: Written,
): MutantArguments | number {
  const parser = parserOf(options, written)
  try {
    parser.parse([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitHeld : exitUsage
    throw error
  }
  const { only, sample, ...rest } = parser.opts<Parsed>()
  const unknown = only?.find((name) => !options.mutants.some((mutant) => mutant.name === name))
  if (unknown !== undefined) {
    written.error(`error: there is no mutant ${unknown}; --list names all\n`)
    return exitUsage
  }
  const chosen = options.mutants.filter(({ name }) => only === undefined || only.includes(name))
  return { ...rest, mutants: sample === undefined ? chosen : sampleOf(chosen, sample) }
}

/** So many of them, spread evenly: always the same ones. */
export function sampleOf<T>(items: readonly T[], count: number): readonly T[] {
  if (count >= items.length) return items
  return items.filter((_, i) => Math.floor((i * count) / items.length) !== Math.floor(((i - 1) * count) / items.length))
}

function parserOf({ invocation, jobsDefault }: MutantParseOptions, written: Written): Command {
  return new Command()
    .name(invocation)
    .description('Plants known bugs in copies of the sources, one at a time, and runs worlds until each is found.')
    .option('--only <name...>', 'seek these mutants alone')
    .option('--sample <count>', 'seek so many, spread over all; always the same', wholeOf)
    .option('--seeds <count>', 'how many seeds each meets in each of its scenarios', wholeOf, seedsDefault)
    .option('--jobs <count>', 'how many are sought at a time', wholeOf, jobsDefault)
    .option('--json', 'print one line of JSON for each mutant', false)
    .option('--list', 'list the mutants with what they do wrong', false)
    .addHelpText(
      'after',
      '\nExits with 0 if all were caught, 1 if one survived or no longer fits the sources,' +
        '\n2 for wrong usage, 3 if the search itself failed.',
    )
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: written.out, writeErr: written.error })
}

function wholeOf(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError('Not a whole number above 0.')
  return number
}
