import { type ChildProcess, fork } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import { must } from '../core/lib/assert.ts'
import { drawScenario, type Registry } from './registry.ts'
import { run } from './run.ts'
import { lineOf, lostLine, type RunLine } from './run-line.ts'

/** One run of a sweep. */
export interface Job {
  readonly scenario: string
  readonly seed: string
  /** Run for the second time, in whatever process is free: it must come to the same end. */
  readonly again: boolean
}

/** The one argument of a process that takes jobs from another. */
export const jobArgument = '--job'

/** Runs one world in this process. */
export function runJob(registry: Registry, { scenario, seed }: Job, invocation: string): RunLine {
  const plan = must(registry.get(scenario), 'a scenario of the registry')
  return lineOf(run(seed, drawScenario(plan, seed), { wallMs: () => performance.now() }), invocation)
}

/** The life of a process that takes jobs: it ends when the one that gives them lets go. */
export function serveJobs(registry: Registry, invocation: string): Promise<void> {
  return new Promise((resolve) => {
    process.on('message', (job: Job) => process.send?.(runJob(registry, job, invocation)))
    process.on('disconnect', () => resolve())
  })
}

/**
 * Deals jobs out, in order, to processes of this entry. A process that dies costs its job, which then counts as failed;
 * another one goes on.
 */
export class Jobs {
  readonly #entry: string
  readonly #invocation: string
  readonly #jobs: Iterator<Job>
  readonly #tell: (job: Job, line: RunLine) => void
  readonly #children = new Set<ChildProcess>()
  #isOver = false

  constructor(
    jobs: Iterable<Job>,
    tell: (job: Job, line: RunLine) => void,
    options: { readonly entry: string; readonly invocation: string },
  ) {
    this.#jobs = jobs[Symbol.iterator]()
    this.#tell = tell
    this.#entry = options.entry
    this.#invocation = options.invocation
  }

  /** Resolves when all jobs are done, or it was ended. */
  async run(processes: number): Promise<void> {
    await Promise.all(Array.from({ length: processes }, () => this.#keepBusy()))
  }

  /** Drops what is under way and ends all processes. */
  end(): void {
    this.#isOver = true
    for (const child of this.#children) child.kill()
  }

  async #keepBusy(): Promise<void> {
    for (let job = this.#next(); job !== undefined; ) job = await this.#employ(job)
  }

  #next(): Job | undefined {
    if (this.#isOver) return undefined
    const { done, value } = this.#jobs.next()
    return done === true ? undefined : value
  }

  /** Starts a process and gives it jobs until none is left; resolves to the job that follows one that killed it. */
  #employ(first: Job): Promise<Job | undefined> {
    return new Promise((resolve) => {
      const child = fork(this.#entry, [jobArgument])
      let current: Job | undefined = first
      this.#children.add(child)
      child.on('message', (line: RunLine) => {
        this.#tell(must(current, 'an answer to a job'), line)
        current = this.#next()
        if (current === undefined) child.disconnect()
        else child.send(current)
      })
      child.on('exit', (code, signal) => {
        this.#children.delete(child)
        const lost = this.#isOver ? undefined : current
        if (lost === undefined) return resolve(undefined)
        const reason = `its process ended with ${signal ?? `code ${code}`}`
        this.#tell(lost, lostLine(lost.scenario, lost.seed, reason, this.#invocation))
        resolve(this.#next())
      })
      child.send(first)
    })
  }
}
