import { must } from '../core/lib/assert.ts'
import type { CoterieError } from './errors.ts'

interface Pending<Reply> {
  /** What the call is, for the text of an error. */
  readonly about: string
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: CoterieError) => void
}

/**
 * The promises of calls under way, by the number of the call: the only place where an effect of the client machine
 * meets a promise.
 * Invariant: a promise is resolved or rejected once.
 */
export class PendingCalls<Reply> {
  readonly #pending = new Map<number, Pending<Reply>>()

  has(call: number): boolean {
    return this.#pending.has(call)
  }

  open(call: number, about: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { about, resolve, reject })
    })
  }

  resolve(call: number, reply: Reply): void {
    this.#take(call).resolve(reply)
  }

  reject(call: number, makeError: (about: string) => CoterieError): void {
    const { about, reject } = this.#take(call)
    reject(makeError(about))
  }

  /** Nothing answers any more. */
  rejectAll(makeError: (about: string) => CoterieError): void {
    for (const { about, reject } of this.#pending.values()) reject(makeError(about))
    this.#pending.clear()
  }

  #take(call: number): Pending<Reply> {
    const pending = must(this.#pending.get(call), 'a call is answered twice, or was never made')
    this.#pending.delete(call)
    return pending
  }
}
