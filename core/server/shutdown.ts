import { isMember } from '../consensus/members.ts'
import type { Millis } from '../machine.ts'
import type { ServerCore } from './core.ts'
import { heirOf } from './heir.ts'
import type { Peers } from './peers.ts'

const retryMs = 100

/**
 * The orderly way out: a leader hands leadership over first; a memory server then asks to be taken out of the members,
 * for its memory ends with it (R5). It ends when that is done, or when patience does.
 */
export class Shutdown {
  readonly #core: ServerCore
  readonly #peers: Peers
  #until: Millis | undefined
  #at: Millis = 0
  #left = false

  constructor(core: ServerCore, peers: Peers) {
    this.#core = core
    this.#peers = peers
  }

  get isUnderWay(): boolean {
    return this.#until !== undefined
  }

  begin(): void {
    this.#until ??= this.#core.now + this.#core.options.timing.shutdownMs
    this.#at = this.#core.now
  }

  onLeft(): void {
    if (!this.isUnderWay) return
    this.#left = true
    this.#at = this.#core.now
  }

  nextDeadline(): Millis | undefined {
    return this.#until === undefined ? undefined : Math.min(this.#at, this.#until)
  }

  /** True when there is nothing left to wait for. */
  tick(): boolean {
    const { now, replica } = this.#core
    if (this.#until === undefined || this.#at > now) return false
    this.#at = now + retryMs
    if (now >= this.#until || replica === undefined || this.#isAlone()) return true
    if (replica.role === 'leader') {
      this.#handOver()
      return false
    }
    if (this.#core.options.durability === 'fsync') return this.#core.storage.durable >= this.#core.storage.written
    if (this.#left || !isMember(replica.members, this.#core.id)) return true
    const leader = replica.leader
    const link = leader === undefined ? undefined : this.#peers.linkTo(leader)
    if (link !== undefined) this.#core.send(link, { kind: 'leave' })
    return false
  }

  /** Nobody else could go on without this server, or needs to know. */
  #isAlone(): boolean {
    const { replica, id } = this.#core
    return (
      replica === undefined || replica.members.voters.every((voter) => voter === id) || !isMember(replica.members, id)
    )
  }

  #handOver(): void {
    const { replica, now } = this.#core
    if (replica === undefined || replica.isTransferring) return
    const heir = heirOf(this.#core, this.#peers)
    if (heir !== undefined) replica.transfer(heir, now)
  }
}
