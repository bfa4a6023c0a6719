import type { ServerCore } from './core.ts'

/**
 * Payloads on their way into the log: gathered during a turn, appended as one run at its end, with one stamp (R8).
 * Invariant: what was taken is appended in the same turn, or this server does not lead any more.
 */
export class Proposals {
  readonly #core: ServerCore
  #payloads: Uint8Array[] = []
  /** Bytes that may still be taken in this turn; undefined before the first. */
  #room: number | undefined

  constructor(core: ServerCore) {
    this.#core = core
  }

  /** False when the log has no room: nothing was taken. */
  add(payload: Uint8Array): boolean {
    const { replica, options } = this.#core
    if (replica === undefined || !this.#core.serves) return false
    this.#room ??= options.limits.uncommittedBytesMax - replica.uncommittedBytes
    if (payload.length > this.#room) return false
    this.#payloads.push(payload)
    this.#room -= payload.length
    return true
  }

  turn(): void {
    this.#room = undefined
    if (this.#payloads.length === 0) return
    const core = this.#core
    const stampMs = core.clock.at(core.now)
    if (core.serves && core.replica?.propose('data', this.#payloads, stampMs, core.now) !== undefined)
      core.clock.observe(stampMs, core.now)
    this.clear()
  }

  clear(): void {
    this.#payloads = []
    this.#room = undefined
  }
}
