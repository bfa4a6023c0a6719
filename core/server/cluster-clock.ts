import type { Millis } from '../machine.ts'

/**
 * Cluster time (R8): the last stamp plus the monotonic time since this process first received it. It stands still
 * without a leader and never looks at a wall clock, so clocks that differ between servers can't move it.
 * Invariant: `at` never falls.
 */
export class ClusterClock {
  #stampMs: number
  #receivedAt: Millis

  constructor(stampMs: number, now: Millis) {
    this.#stampMs = stampMs
    this.#receivedAt = now
  }

  observe(stampMs: number, now: Millis): void {
    if (stampMs <= this.#stampMs) return
    this.#stampMs = stampMs
    this.#receivedAt = now
  }

  /** The stamp for an entry appended now, in whole milliseconds. */
  at(now: Millis): number {
    return Math.floor(this.#stampMs + Math.max(0, now - this.#receivedAt))
  }
}
