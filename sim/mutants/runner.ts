import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { must } from '../../core/lib/assert.ts'
import type { Mutant } from './mutant.ts'
import { type Search, type Sighting, seekArgument } from './seek.ts'
import { Workshop } from './workshop.ts'

export interface HuntOptions {
  /** The repository whose sources are changed. */
  readonly root: string
  /** The source in it, without its ending, that a searching process starts from. */
  readonly entry: string
  /** Each mutant meets the seeds from 1 to this. */
  readonly seeds: number
  /** How many mutants are sought at a time, each by a process of its own. */
  readonly jobs: number
  /** Where a mutant is sought that names no scenarios. */
  readonly scenario: string
  readonly signal: AbortSignal
  readonly onReport: (report: HuntReport) => void
}

/** What became of one mutant. */
export interface HuntReport {
  readonly mutant: Mutant
  /** The first run that did not hold; undefined for a survivor. */
  readonly caught: Sighting | undefined
  /** Seeds run, the one that caught it included. */
  readonly seeds: number
  /** Runs left out, because they do not hold without the mutant either. */
  readonly spoilt: number
  readonly wallMs: number
}

/** A run that takes longer than this has stalled: no bug may make a world last for ever. */
const stalledMs = 300_000

/**
 * Seeks each mutant in the worlds of its scenarios. The reports are in the order of the mutants. Rejects when a mutant
 * does not fit or does not compile, a search dies, or the signal says stop; by then no process is left.
 */
export async function hunt(mutants: readonly Mutant[], options: HuntOptions): Promise<readonly HuntReport[]> {
  const workshop = new Workshop(options.root)
  try {
    await workshop.prepare(options.signal)
    return await new Hunt(workshop, options).all(mutants)
  } finally {
    workshop.close()
  }
}

class Hunt {
  readonly #workshop: Workshop
  readonly #options: HuntOptions
  /** Ends all processes when one failed, or when somebody asked to stop. */
  readonly #end = new AbortController()

  constructor(workshop: Workshop, options: HuntOptions) {
    this.#workshop = workshop
    this.#options = options
  }

  async all(mutants: readonly Mutant[]): Promise<readonly HuntReport[]> {
    const { signal, jobs } = this.#options
    const stop = () => this.#end.abort()
    signal.addEventListener('abort', stop)
    const reports: HuntReport[] = []
    const failures: unknown[] = []
    const queue = mutants.entries()
    const work = async () => {
      try {
        for (const [i, mutant] of queue) {
          reports[i] = await this.#one(mutant)
          this.#options.onReport(must(reports[i], 'a report'))
        }
      } catch (error) {
        failures.push(error)
        stop()
      }
    }
    await Promise.all(Array.from({ length: jobs }, work))
    signal.removeEventListener('abort', stop)
    if (failures.length > 0) throw failures[0]
    return reports
  }

  async #one(mutant: Mutant): Promise<HuntReport> {
    const { seeds, scenario } = this.#options
    const startedAt = performance.now()
    const planted = await this.#workshop.plant(mutant, this.#end.signal)
    const scenarios = mutant.scenarios ?? [scenario]
    const until = seeds * scenarios.length
    let spoilt = 0
    let caught: Sighting | undefined
    for (let from = 0; from < until && caught === undefined; ) {
      const last = await this.#seek(planted, { scenarios, from, until })
      from = last.at + 1
      if (last.held) continue
      // A run counts only if it holds without the mutant.
      const alone = await this.#seek(this.#workshop.sound, { scenarios, from: last.at, until: from })
      if (alone.held) caught = last
      else spoilt++
    }
    this.#workshop.discard(planted)
    const wallMs = performance.now() - startedAt
    return { mutant, caught, seeds: caught === undefined ? seeds : Number(caught.seed), spoilt, wallMs }
  }

  /** The last run of a search. */
  #seek(dist: string, search: Search): Promise<Sighting> {
    const entry = join(dist, `${this.#options.entry}.js`)
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [entry, seekArgument, JSON.stringify(search)], {
        stdio: ['ignore', 'pipe', 'inherit'],
        signal: this.#end.signal,
      })
      let last: Sighting | undefined
      const stalled = setTimeout(() => child.kill(), stalledMs)
      createInterface(child.stdout).on('line', (line) => {
        last = JSON.parse(line) as Sighting
        stalled.refresh()
      })
      child.on('error', reject)
      child.on('close', (code) => {
        clearTimeout(stalled)
        if (code === 0 && last !== undefined) resolve(last)
        else reject(new Error(`a search ended with ${code ?? 'a signal'} behind run ${last?.at ?? search.from - 1}`))
      })
    })
  }
}
