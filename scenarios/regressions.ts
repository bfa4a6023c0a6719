/** A world that once did not hold. */
export interface Regression {
  readonly scenario: string
  readonly seed: string
  /** What was wrong, in the words of what users would have seen. */
  readonly what: string
}

/** Every world that found something stays: what went wrong once does so again. */
export const regressions: readonly Regression[] = []
