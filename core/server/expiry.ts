import type { Millis } from '../machine.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex } from '../wire/ids.ts'
import type { ClientStreams } from './client-streams.ts'
import type { ServerCore } from './core.ts'
import type { Proposals } from './proposals.ts'

/** How often the leader looks for silent clients. */
const sweepMs = 250

/**
 * Ends clients that were silent for too long, or said goodbye (R7): by an entry that names the touch counter seen, so
 * that a request that came first in the log wins. Only the leader proposes it, and never before it has led for a
 * client's whole timeout.
 */
export class Expiry {
  readonly #core: ServerCore
  readonly #streams: ClientStreams
  readonly #proposals: Proposals
  #servingSince: Millis | undefined
  #at: Millis = 0
  /** Touch counters that were proposed already; a second entry would do nothing. */
  readonly #proposed = new Map<ClientIndex, number>()

  constructor(core: ServerCore, streams: ClientStreams, proposals: Proposals) {
    this.#core = core
    this.#streams = streams
    this.#proposals = proposals
  }

  nextDeadline(): Millis | undefined {
    return this.#core.serves ? this.#at : undefined
  }

  /** This server serves no more; should it serve again, it begins anew to count. */
  clear(): void {
    this.#servingSince = undefined
    this.#proposed.clear()
  }

  tick(): void {
    const core = this.#core
    if (!core.serves) {
      this.clear()
      return
    }
    this.#servingSince ??= core.now
    if (this.#at > core.now) return
    this.#at = core.now + sweepMs
    const clients = this.#due(this.#servingSince)
    if (clients.length === 0 || !this.#proposals.add(encodeCommand({ kind: 'expire', clients }))) return
    for (const { client, touch } of clients) this.#proposed.set(client, touch)
  }

  forget(client: ClientIndex): void {
    this.#proposed.delete(client)
  }

  #due(servingSince: Millis): { readonly client: ClientIndex; readonly touch: number }[] {
    const { state, now, options } = this.#core
    const due: { readonly client: ClientIndex; readonly touch: number }[] = []
    for (const [client, { touch }] of state.clients()) {
      if (due.length >= options.limits.expiriesPerEntry) break
      if (this.#proposed.get(client) === touch) continue
      const heardAt = Math.max(servingSince, this.#streams.lastHeardAt(client) ?? servingSince)
      if (this.#streams.goodbyes.has(client) || heardAt + options.timing.clientTimeoutMs <= now)
        due.push({ client, touch })
    }
    return due
  }
}
