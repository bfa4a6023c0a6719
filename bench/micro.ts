import { add, suite } from 'benny'
import { must } from '../core/lib/assert.ts'
import { crc32c } from '../core/lib/crc32c.ts'
import { applyCases } from './apply.bench.ts'
import { codecCases } from './codec.bench.ts'
import { stepCases } from './step.bench.ts'

/** Something small to measure. */
export interface MicroCase {
  readonly name: string
  /** How many of what it is about one call does. */
  readonly count: number
  /** Makes what is needed, once, and gives what is called again and again. */
  readonly prepare: () => () => void
}

export interface MicroResult {
  readonly suite: string
  readonly name: string
  /** Of one, not of one call. */
  readonly ns: number
  /** How far the mean may be off, in per cent. */
  readonly margin: number
  /** The same as a multiple of the calibration, which ran beside it: what compares between machines. */
  readonly ratio: number
}

const suites = { codec: codecCases, apply: applyCases, step: stepCases } as const

/** The yardstick: arithmetic and memory alone, the same on every version of this repository. */
const calibration: MicroCase = {
  name: 'calibration: CRC-32C of 1 KiB',
  count: 1,
  prepare() {
    const bytes = Uint8Array.from({ length: 1024 }, (_, i) => i * 7)
    return () => {
      crc32c(bytes)
    }
  },
}

/** Runs every suite, each with the calibration beside it; `measureMs` is spent on each case. */
export async function runMicro(measureMs: number): Promise<readonly MicroResult[]> {
  const all: MicroResult[] = []
  for (const [name, cases] of Object.entries(suites)) {
    all.push(...(await runSuite(name, [calibration, ...cases], measureMs)))
  }
  return all
}

async function runSuite(name: string, cases: readonly MicroCase[], measureMs: number): Promise<readonly MicroResult[]> {
  const options = { minSamples: 5, maxTime: measureMs / 1000 }
  const tests = cases.map((each) => add(each.name, () => each.prepare(), options))
  const { results } = await inSilence(() => suite(name, ...tests))
  const nsOf = (position: number) =>
    1e9 / must(results[position], 'every case was run').ops / must(cases[position], 'a case for each result').count
  return results.map((result, i) => ({
    suite: name,
    name: result.name,
    ns: nsOf(i),
    margin: result.margin,
    ratio: nsOf(i) / nsOf(0),
  }))
}

/** What is printed is ours to decide: benny announces every suite. */
async function inSilence<T>(work: () => Promise<T>): Promise<T> {
  const { log } = console
  console.log = () => {}
  try {
    return await work()
  } finally {
    console.log = log
  }
}
