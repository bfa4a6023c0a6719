import type { Millis } from '../machine.ts'

/**
 * The earliest of many due times, kept as a lower bound: what was due may be gone by then, and nobody tells the alarm.
 * Whoever hears it ring looks at everything there is and sets it anew, so that adding and removing cost nothing.
 */
export class Alarm {
  #at: Millis | undefined

  get at(): Millis | undefined {
    return this.#at
  }

  /** Something is due at `at`. */
  by(at: Millis): void {
    if (this.#at === undefined || at < this.#at) this.#at = at
  }

  /** Nothing is due any more. */
  unset(): void {
    this.#at = undefined
  }

  /** True once per alarm, when its time has come; it is unset then. */
  rings(now: Millis): boolean {
    if (this.#at === undefined || now < this.#at) return false
    this.#at = undefined
    return true
  }
}

/** The earliest of several due times, some of which may not exist. */
export function earliest(...times: readonly (Millis | undefined)[]): Millis | undefined {
  let first: Millis | undefined
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time
  return first
}
