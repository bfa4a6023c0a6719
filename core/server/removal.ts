import { isMember, isVoter, memberNamed } from '../consensus/members.ts'
import type { Millis } from '../machine.ts'
import { refusals } from '../refusal.ts'
import { type Link, nameOf, type ServerId } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import type { ServerCore } from './core.ts'
import type { Door } from './door.ts'
import type { StopReason } from './io.ts'
import type { Shutdown } from './shutdown.ts'

type Hello = Extract<Message, { kind: 'hello' }>
type Removed = Extract<Message, { kind: 'removed' }>

/** Why a server's membership is over for good. */
export interface Removal {
  readonly reason: Extract<StopReason, 'replaced' | 'removed' | 'other-history'>
  readonly text: string
}

/**
 * The end of a membership (R5): tells servers that call here that they are members no more, and finds out when this
 * one is none.
 * Invariant: whoever is told decides by its own log. It goes when it was a member, but not at the index it is told of
 * or later: so a server that lags, and knows only older members than those of today, ends nobody.
 * Not here: who is to be a member (the leader's membership), and what ends with this server.
 */
export class Removals {
  readonly #core: ServerCore
  readonly #door: Door
  readonly #shutdown: Shutdown
  /** Somebody who is connected here may have to be told. */
  #isWatchful = false
  #at: Millis = 0

  constructor(core: ServerCore, door: Door, shutdown: Shutdown) {
    this.#core = core
    this.#door = door
    this.#shutdown = shutdown
  }

  nextDeadline(): Millis | undefined {
    return this.#isWatchful ? this.#at : undefined
  }

  /** Frames get lost, and what was told may turn out to be true only later: it is said until the other one goes. */
  tick(): void {
    if (!this.#isWatchful || this.#at > this.#core.now) return
    this.#lookLater()
    this.#isWatchful = false
    for (const { link, server } of this.#door.peers()) this.#look(link, server)
  }

  /** Another server was let in. */
  greeted(link: Link, server: ServerId): void {
    if (!this.#isWatchful) this.#lookLater()
    this.#look(link, server)
  }

  /** The members are others now: some of the servers that are connected may be none any more. */
  membersChanged(): void {
    if (!this.#isWatchful) this.#lookLater()
    this.#isWatchful = true
  }

  /**
   * What to do when another server says that this one is removed. A server that was never taken in asks to be, whatever
   * it is told; one that is leaving has got what it asked for.
   */
  onRemoved({ history, index, by }: Removed): Removal | undefined {
    const { replica, id } = this.#core
    if (this.#core.history !== undefined && this.#core.history !== history) return undefined
    const own = replica?.configurations.findLast(({ members }) => isMember(members, id))
    if (own === undefined || index <= own.index) return undefined
    if (this.#shutdown.isUnderWay) {
      this.#shutdown.onLeft()
      return undefined
    }
    if (by === undefined) return { reason: 'removed', text: 'this server is no member of the group any more' }
    return { reason: 'replaced', text: `${refusals.REPLACED.text}: ${by}` }
  }

  /**
   * What to do when a server of another history calls. An incarnation never goes back to an earlier history. So where
   * the caller is a member by the log here, this log is of a history that is over: the caller was ordered to recover.
   * A server that has never been a voter of it holds nothing that others may need, and begins anew. A voter stays as
   * it is: what it holds may be all that is left of that history, and only an operator can know.
   */
  onOtherHistory({ history, server }: Hello): Removal | undefined {
    const { replica, id } = this.#core
    const known = replica?.configurations ?? []
    if (server === undefined || !known.some(({ members }) => isMember(members, server))) return undefined
    if (known.some(({ members }) => isVoter(members, id))) return undefined
    const text = `${nameOf(server)} was recovered; what this server has learned is not of its history ${history}`
    return { reason: 'other-history', text }
  }

  #lookLater(): void {
    this.#at = this.#core.now + this.#core.options.timing.electionMsMin
  }

  /** Nobody says so to the leader of the own term: a majority that is further than this server elected it. */
  #look(link: Link, server: ServerId): void {
    const { replica, history } = this.#core
    if (replica === undefined || replica.leader === server || isMember(replica.members, server)) return
    this.#isWatchful = true
    const index = replica.commit
    const members = replica.membersAt(index)
    if (history === undefined || members.voters.length === 0 || isMember(members, server)) return
    this.#core.send(link, { kind: 'removed', history, index, by: memberNamed(members, nameOf(server)) })
  }
}
