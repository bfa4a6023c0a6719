import type { Replica } from '../consensus/replica.ts'
import { hex } from '../lib/bytes.ts'
import { sha256 } from '../lib/sha256.ts'
import type { Millis } from '../machine.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import type { HistoryId, ServerName } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'
import type { Formation } from './formation.ts'
import { heirOf } from './heir.ts'
import type { Membership } from './membership.ts'
import { canonicalServers } from './options.ts'
import type { Peers } from './peers.ts'

interface Recovery {
  readonly orderedAt: Millis
  /** When the new history begins (R5). */
  readonly at: Millis
}

/**
 * What an operator orders a server to do: hand leadership over, or begin a new history with what is left of a lost
 * majority (R5). An order that can't be carried out is refused by an event; it never half happens.
 * Invariant: no history begins here while a leader is known, or was heard of since the order was given.
 * Not here: the order to shut down.
 */
export class Orders {
  readonly #core: ServerCore
  readonly #peers: Peers
  readonly #formation: Formation
  readonly #membership: Membership
  readonly #historySeed: Uint8Array
  #recovery: Recovery | undefined
  /** A history whose first entry is in the log, but not applied yet. */
  #begun: HistoryId | undefined
  #recoveries = 0

  constructor(core: ServerCore, peers: Peers, formation: Formation, membership: Membership, historySeed: Uint8Array) {
    this.#core = core
    this.#peers = peers
    this.#formation = formation
    this.#membership = membership
    this.#historySeed = historySeed
  }

  nextDeadline(): Millis | undefined {
    return this.#recovery?.at
  }

  transfer(to: ServerName | undefined): void {
    const { replica, now } = this.#core
    const heir = heirOf(this.#core, this.#peers, to)
    if (replica?.role !== 'leader') this.#refuse('transfer', 'this server does not lead')
    else if (heir === undefined || !replica.transfer(heir, now))
      this.#refuse(
        'transfer',
        to === undefined
          ? 'no voter is connected that could take over'
          : `${to} is no voter that is connected and could take over`,
      )
  }

  /** A second order while the first waits changes nothing. */
  recover(): void {
    if (this.#recovery !== undefined) return
    const obstacle = this.#obstacle()
    if (obstacle !== undefined) {
      this.#refuse('recover', obstacle)
      return
    }
    const { now, listens, options } = this.#core
    this.#recovery = { orderedAt: now, at: listens ? now + options.timing.foundingMs : now }
  }

  tick(): void {
    const { replica, now } = this.#core
    const recovery = this.#recovery
    if (recovery === undefined || replica === undefined) return
    if (replica.leader !== undefined || replica.ledUntil > recovery.orderedAt) {
      this.#recovery = undefined
      this.#refuse('recover', 'a leader was heard before the new history began')
    } else if (recovery.at <= now) {
      this.#recovery = undefined
      this.#beginHistory(replica)
    }
  }

  /** After applying: a history has begun when its first entry is committed, for it may still get lost before. */
  turn(): void {
    const history = this.#begun
    if (history === undefined || this.#core.state.history !== history) return
    this.#begun = undefined
    this.#core.emit({ kind: 'formed', history })
  }

  /**
   * Why this server must not begin a new history. A follower of a healthy leader would split its group: either a
   * majority is known to have lost what it held, or nobody led for as long as two elections take.
   */
  #obstacle(): string | undefined {
    const { replica, now, options } = this.#core
    if (replica === undefined || this.#formation.isEmpty) return 'this server holds nothing that could be recovered'
    if (replica.role === 'leader') return 'this server leads: no majority is lost'
    const waitMs = 2 * options.timing.electionMsMin
    const isHealthy =
      replica.leader !== undefined || (!this.#membership.majorityLost && now < replica.ledUntil + waitMs)
    return isHealthy ? `a leader was heard, or the process started, less than ${waitMs} ms ago` : undefined
  }

  #beginHistory(replica: Replica): void {
    const { options, clock, name, now } = this.#core
    const history = this.#newHistory()
    const found = encodeCommand({ kind: 'found', history, servers: canonicalServers(options.servers) })
    replica.standAlone(options.servers.get(name) ?? '', found, clock.at(now), now)
    this.#begun = history
  }

  /** One process may be ordered to recover more than once: each history has a name of its own. */
  #newHistory(): HistoryId {
    this.#recoveries++
    const seed = Uint8Array.of(...this.#historySeed, this.#recoveries & 0xff, (this.#recoveries >> 8) & 0xff)
    return hex(sha256(seed).subarray(0, 8)) as HistoryId
  }

  #refuse(order: 'transfer' | 'recover', text: string): void {
    this.#core.emit({ kind: 'order-refused', order, text })
  }
}
