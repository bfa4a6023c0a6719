import { performance } from 'node:perf_hooks'
import { LatencyCounts } from './latencies.ts'
import type { FromClient, ToClient, Used } from './load-protocol.ts'

type Run = Extract<ToClient, { kind: 'run' }>
type Phase = 'warming-up' | 'measuring' | 'draining'

/** A client that commits: for each submission it calls `onSettled` once, with the slot. */
export interface Submitter {
  onSettled: (slot: number) => void
  submit(slot: number, n: number): void
  used(): Used
}

/**
 * Keeps a number of commits in flight: as soon as one is acknowledged the next goes out. Counts those that were
 * acknowledged between the end of the warm-up and the end of the measurement.
 */
export class LoadDriver {
  readonly #submitter: Submitter
  readonly #run: Run
  readonly #tell: (message: FromClient) => void
  readonly #submittedAt: Float64Array
  readonly #latencies = new LatencyCounts()
  #phase: Phase = 'warming-up'
  #underWay = 0
  #submitted = 0
  #used: Used = { cpuUs: 0, framesOut: 0, bytesOut: 0, writes: 0 }
  #measuringSince = 0

  constructor(submitter: Submitter, run: Run, tell: (message: FromClient) => void) {
    this.#submitter = submitter
    this.#run = run
    this.#tell = tell
    this.#submittedAt = new Float64Array(run.inFlight)
  }

  start(): void {
    this.#submitter.onSettled = (slot) => this.#acknowledged(slot)
    for (let slot = 0; slot < this.#run.inFlight; slot++) this.#submit(slot)
    setTimeout(() => this.#measure(), this.#run.warmUpMs)
  }

  #acknowledged(slot: number): void {
    this.#underWay--
    if (this.#phase === 'draining') {
      if (this.#underWay === 0) this.#tell({ kind: 'drained' })
      return
    }
    if (this.#phase === 'measuring') this.#latencies.add((performance.now() - (this.#submittedAt[slot] ?? 0)) * 1000)
    this.#submit(slot)
  }

  #submit(slot: number): void {
    this.#underWay++
    this.#submittedAt[slot] = performance.now()
    this.#submitter.submit(slot, this.#submitted++)
  }

  #measure(): void {
    this.#phase = 'measuring'
    this.#used = this.#submitter.used()
    this.#measuringSince = performance.now()
    this.#tell({ kind: 'measuring' })
    setTimeout(() => this.#finish(), this.#run.measureMs)
  }

  #finish(): void {
    const ms = performance.now() - this.#measuringSince
    const used = this.#submitter.used()
    const before = this.#used
    this.#phase = 'draining'
    this.#tell({
      kind: 'measured',
      ms,
      acknowledged: this.#latencies.total,
      p50Us: this.#latencies.quantileUs(0.5),
      p99Us: this.#latencies.quantileUs(0.99),
      cpuUs: used.cpuUs - before.cpuUs,
      framesOut: used.framesOut - before.framesOut,
      bytesOut: used.bytesOut - before.bytesOut,
      writes: used.writes - before.writes,
    })
  }
}
