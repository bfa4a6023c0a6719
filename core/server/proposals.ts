import type { ServerCore } from './core.ts'

/**
 * Payloads on their way into the log: gathered during a turn, appended at its end with one stamp (R8), in runs of a
 * size that fits one append each.
 * Invariant: what was taken is appended in the order in which it was taken, or this server does not lead any more.
 * While leadership is being handed over nothing is appended: what was taken waits until that succeeds, and is dropped,
 * or fails.
 */
export class Proposals {
  readonly #core: ServerCore
  #payloads: Uint8Array[] = []
  #bytes = 0
  /** Bytes that may still be taken in this turn; undefined before the first. */
  #room: number | undefined

  constructor(core: ServerCore) {
    this.#core = core
  }

  /** False when the log has no room: nothing was taken. */
  add(payload: Uint8Array): boolean {
    const { replica, options } = this.#core
    if (replica === undefined || !this.#core.serves) return false
    this.#room ??= options.limits.uncommittedBytesMax - replica.uncommittedBytes - this.#bytes
    if (payload.length > this.#room) return false
    this.#payloads.push(payload)
    this.#bytes += payload.length
    this.#room -= payload.length
    return true
  }

  get isEmpty(): boolean {
    return this.#payloads.length === 0
  }

  turn(): void {
    this.#room = undefined
    if (this.#payloads.length === 0 || !this.#core.serves) return
    const stampMs = this.#core.clock.at(this.#core.now)
    if (this.#bytes <= this.#core.options.limits.appendBytesMax) {
      if (this.#propose(this.#payloads, stampMs)) this.clear()
      return
    }
    let taken = 0
    for (let end = this.#runEnd(taken); taken < end; end = this.#runEnd(taken)) {
      if (!this.#propose(this.#payloads.slice(taken, end), stampMs)) break
      taken = end
    }
    for (const { length } of this.#payloads.splice(0, taken)) this.#bytes -= length
  }

  clear(): void {
    this.#payloads = []
    this.#bytes = 0
    this.#room = undefined
  }

  #propose(payloads: readonly Uint8Array[], stampMs: number): boolean {
    const { replica, clock, now } = this.#core
    if (replica?.propose('data', payloads, stampMs, now) === undefined) return false
    clock.observe(stampMs, now)
    return true
  }

  /** Where the run ends that begins at this payload: it takes at least one, if there is one. */
  #runEnd(from: number): number {
    let bytes = 0
    let end = from
    for (; end < this.#payloads.length; end++) {
      bytes += this.#payloads[end]?.length ?? 0
      if (end > from && bytes > this.#core.options.limits.appendBytesMax) break
    }
    return end
  }
}
