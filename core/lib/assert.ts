/** Thrown when our own code is wrong. Whoever hosts the machine stops it: its state can't be trusted any more. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed'
}

/** States what must hold whatever the input was. A failure is our bug, never a peer's or a user's. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionFailed(typeof message === 'string' ? message : message())
}

/** The value, which must be there. */
export function must<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionFailed(message)
  return value
}

/** Ends a `switch` over a closed union: the compiler refuses a case that was forgotten. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${String((value as { kind?: unknown } | undefined)?.kind ?? value)}`)
}
