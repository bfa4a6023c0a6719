import type { CheckResult } from './types.ts'

/** One broken rule often breaks a thousand times; the first ones tell the story. */
const violationsMax = 50

/** Collects what a check compared and found. */
export class Findings {
  readonly #name: string
  readonly #onViolation: () => void
  readonly #violations: string[] = []
  #compared = 0
  #omitted = 0

  /** `onViolation` is told of each violation at the moment at which it is found. */
  constructor(name: string, onViolation: () => void = () => {}) {
    this.#name = name
    this.#onViolation = onViolation
  }

  /** Notes comparisons that held. */
  agree(count: number): void {
    this.#compared += count
  }

  get violated(): boolean {
    return this.#violations.length > 0
  }

  /** Notes one comparison; `violation` is asked for only when it did not hold. */
  expect(holds: boolean, violation: () => string): void {
    this.#compared++
    if (!holds) this.violate(violation())
  }

  violate(violation: string): void {
    this.#onViolation()
    if (this.#violations.length < violationsMax) this.#violations.push(violation)
    else this.#omitted++
  }

  result(): CheckResult {
    const more = this.#omitted > 0 ? [`and ${this.#omitted} more`] : []
    return { name: this.#name, compared: this.#compared, violations: [...this.#violations, ...more] }
  }
}
