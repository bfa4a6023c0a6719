/**
 * The deadlines of all links of a transport, counted by one timer.
 * Invariant: a process that slept or stalled counts that time as one tick, so it never takes its own pause for the
 * silence of others: what arrived meanwhile is read before the next tick.
 */
export class Sweep {
  readonly #periodMs: number
  readonly #everyTick: () => void
  #tick = 0
  #timer: NodeJS.Timeout | undefined

  constructor(periodMs: number, everyTick: () => void) {
    this.#periodMs = Math.max(1, periodMs)
    this.#everyTick = everyTick
  }

  get tick(): number {
    return this.#tick
  }

  /** The first tick that is at least `ms` away. */
  after(ms: number): number {
    return this.#tick + Math.ceil(ms / this.#periodMs) + 1
  }

  /** Counts from now on; the timer alone keeps no process alive. */
  start(): void {
    this.#timer ??= setInterval(() => this.#count(), this.#periodMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #count(): void {
    this.#tick++
    this.#everyTick()
  }
}
