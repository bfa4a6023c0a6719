import type { Millis } from '../machine.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex } from '../wire/ids.ts'
import type { ClientStreams } from './client-streams.ts'
import type { ServerCore } from './core.ts'
import type { Proposals } from './proposals.ts'

/** How often the leader looks for what is due. */
const sweepMs = 250

interface Due {
  readonly client: ClientIndex
  readonly touch: number
}

/**
 * What time ends. Clients that were silent for too long, or said goodbye (R7): by an entry that names the touch counter
 * seen, so that a request that came first in the log wins. Only the leader proposes it, and never before it has led for
 * a client's whole timeout. And tombstones, whose time is up by cluster time alone: when nothing else brings the log a
 * stamp by then, an empty entry does (R8).
 */
export class Expiry {
  readonly #core: ServerCore
  readonly #streams: ClientStreams
  readonly #proposals: Proposals
  #servingSince: Millis | undefined
  #at: Millis = 0
  /** Clients whose end was proposed already, for these touch counters; a second entry would do nothing. */
  readonly #proposed = new Map<ClientIndex, { readonly touch: number; readonly goodbye: boolean }>()

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
    this.#endClients(this.#dueClients(this.#servingSince))
    this.#stampWhenDue()
  }

  /** A client was ended; returns whether it had said goodbye, if this server knows. */
  expired(client: ClientIndex): boolean | undefined {
    const goodbye = this.#proposed.get(client)?.goodbye
    this.#proposed.delete(client)
    return goodbye
  }

  #endClients(clients: readonly Due[]): void {
    if (clients.length === 0 || !this.#proposals.add(encodeCommand({ kind: 'expire', clients }))) return
    for (const { client, touch } of clients)
      this.#proposed.set(client, { touch, goodbye: this.#streams.goodbyes.has(client) })
  }

  /** Only an idle log is stamped: in a busy one, within a sweep's time, an entry comes that has a stamp of its own. */
  #stampWhenDue(): void {
    const { state, replica, clock, now } = this.#core
    const { nextDueMs } = state
    if (nextDueMs === undefined || clock.at(now) < nextDueMs + sweepMs) return
    if (!this.#proposals.isEmpty || state.appliedIndex !== replica?.log.lastIndex) return
    this.#proposals.add(encodeCommand({ kind: 'clock' }))
  }

  #dueClients(servingSince: Millis): readonly Due[] {
    const { state, now, options } = this.#core
    const due: Due[] = []
    for (const [client, { touch }] of state.clients()) {
      if (due.length >= options.limits.expiriesPerEntry) break
      if (this.#proposed.get(client)?.touch === touch) continue
      const heardAt = Math.max(servingSince, this.#streams.lastHeardAt(client) ?? servingSince)
      if (this.#streams.goodbyes.has(client) || heardAt + options.timing.clientTimeoutMs <= now)
        due.push({ client, touch })
    }
    return due
  }
}
