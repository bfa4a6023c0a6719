/**
 * Monotonic milliseconds of one process, with fractions; the origin is arbitrary and differs between processes.
 */
export type Millis = number

/**
 * A synchronous object that decides: inputs in, effects out. No clock, dice, sockets, files, timers or promises of its
 * own.
 * A host (Node or the simulator) feeds it inputs, carries out its effects and wakes it at its deadline.
 */
export interface Machine<Input, Effect> {
  /** Takes one input at local time `now`; time never goes back between two calls. */
  step(input: Input, now: Millis): readonly Effect[]
  /** When the machine wants a `tick` at the latest; `undefined` when only an input can make it act. */
  nextDeadline(): Millis | undefined
  /** Throws when the machine's state breaks one of its invariants. */
  checkInvariants(): void
}
