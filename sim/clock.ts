import { assert } from '../core/lib/assert.ts'
import type { Millis } from '../core/machine.ts'

/** A clock that runs as fast as the world's. */
export const trueRatePpm = 1_000_000

export interface ClockSettings {
  /** What the monotonic clock shows at `startUs`; arbitrary, as on a real machine. */
  readonly originMs: Millis
  /** What the wall clock shows at `startUs`, in whole milliseconds since 1970. */
  readonly wallMs: number
  /** Local microseconds in a million microseconds of the world. */
  readonly ratePpm: number
  /** The world's time at which the process started. */
  readonly startUs: number
}

/**
 * The clocks of one process: a monotonic one with an offset and a rate of its own, and a wall clock that can be set.
 * Invariant: the monotonic clock never goes back, whatever is done to the rate or to the wall clock.
 */
export class LocalClock {
  #ratePpm: number
  #baseUs: number
  #baseMs: Millis
  #wallAheadMs: number

  constructor(settings: ClockSettings) {
    this.#ratePpm = checkedRate(settings.ratePpm)
    this.#baseUs = settings.startUs
    this.#baseMs = settings.originMs
    this.#wallAheadMs = settings.wallMs - settings.originMs
  }

  get ratePpm(): number {
    return this.#ratePpm
  }

  /** What the process reads as `now` when the world's time is `worldUs`. */
  nowMs(worldUs: number): Millis {
    assert(worldUs >= this.#baseUs, 'a clock was asked about its past')
    return this.#baseMs + ((worldUs - this.#baseUs) * this.#ratePpm) / 1e9
  }

  /** The wall clock, in whole milliseconds as `Date.now()` gives them. */
  wallMs(worldUs: number): number {
    return Math.floor(this.nowMs(worldUs) + this.#wallAheadMs)
  }

  /**
   * The first microsecond of the world at which `nowMs` has reached `deadlineMs`, but not before `fromUs`. Rounding
   * never makes it early: a process woken then finds its deadline passed.
   */
  worldUsAt(deadlineMs: Millis, fromUs: number): number {
    assert(Number.isFinite(deadlineMs), 'a deadline is a time')
    if (this.nowMs(fromUs) >= deadlineMs) return fromUs
    let worldUs = Math.max(fromUs, this.#baseUs + Math.ceil(((deadlineMs - this.#baseMs) * 1e9) / this.#ratePpm))
    while (worldUs > fromUs && this.nowMs(worldUs - 1) >= deadlineMs) worldUs--
    while (this.nowMs(worldUs) < deadlineMs) worldUs++
    return worldUs
  }

  /** From now on the clock runs at another rate; what it shows stays continuous. */
  setRate(worldUs: number, ratePpm: number): void {
    this.#baseMs = this.nowMs(worldUs)
    this.#baseUs = worldUs
    this.#ratePpm = checkedRate(ratePpm)
  }

  /** Sets the wall clock forward, or back with a negative number. The monotonic clock does not notice. */
  jumpWall(byMs: number): void {
    this.#wallAheadMs += byMs
  }
}

function checkedRate(ratePpm: number): number {
  assert(Number.isInteger(ratePpm) && ratePpm > 0, () => `not a rate: ${ratePpm}`)
  return ratePpm
}
