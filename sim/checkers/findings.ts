import type { CheckResult } from './types.ts'

/** One broken rule often breaks a thousand times; the first ones tell the story. */
const violationsMax = 50

/** Collects what a check compared and found. */
export class Findings {
  readonly #name: string
  readonly #violations: string[] = []
  #compared = 0
  #omitted = 0

  constructor(name: string) {
    this.#name = name
  }

  /** Notes one comparison; `violation` is asked for only when it did not hold. */
  expect(holds: boolean, violation: () => string): void {
    this.#compared++
    if (!holds) this.violate(violation())
  }

  violate(violation: string): void {
    if (this.#violations.length < violationsMax) this.#violations.push(violation)
    else this.#omitted++
  }

  result(): CheckResult {
    const more = this.#omitted > 0 ? [`and ${this.#omitted} more`] : []
    return { name: this.#name, compared: this.#compared, violations: [...this.#violations, ...more] }
  }
}
