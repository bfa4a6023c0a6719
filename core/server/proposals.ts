import type { ServerCore } from './core.ts'

/**
 * Payloads on their way into the log: gathered during a turn, appended as one run at its end, with one stamp (R8).
 * Invariant: what was taken is appended in the same turn, or this server does not lead any more.
 */
export class Proposals {
  readonly #core: ServerCore
  #payloads: Uint8Array[] = []
  #bytes = 0

  constructor(core: ServerCore) {
    this.#core = core
  }

  /** False when the log has no room: nothing was taken. */
  add(payload: Uint8Array): boolean {
    const { replica, options } = this.#core
    if (replica === undefined || !this.#core.serves) return false
    if (replica.uncommittedBytes + this.#bytes + payload.length > options.limits.uncommittedBytesMax) return false
    this.#payloads.push(payload)
    this.#bytes += payload.length
    return true
  }

  turn(): void {
    if (this.#payloads.length === 0) return
    const core = this.#core
    const stampMs = core.clock.at(core.now)
    if (core.serves && core.replica?.propose('data', this.#payloads, stampMs, core.now) !== undefined)
      core.clock.observe(stampMs, core.now)
    this.clear()
  }

  clear(): void {
    this.#payloads = []
    this.#bytes = 0
  }
}
