import { isMember } from '../consensus/members.ts'
import type { Replica } from '../consensus/replica.ts'
import type { Millis } from '../machine.ts'
import type { ServerCore } from './core.ts'
import { heirOf } from './heir.ts'
import type { Peers } from './peers.ts'

const retryMs = 100

/**
 * The orderly way out: a leader hands leadership over first; a memory server then asks to be taken out of the members,
 * for its memory ends with it (R5). It ends when that is done, or when patience does; then it says what was not done.
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

  /** How it ended, once there is nothing left to wait for. */
  tick(): string | undefined {
    const { now } = this.#core
    if (this.#until === undefined || now < Math.min(this.#at, this.#until)) return undefined
    this.#at = now + retryMs
    const undone = this.#proceed()
    if (undone === undefined) return 'shut down in order'
    if (now < this.#until) return undefined
    const text = `shut down before ${undone}`
    this.#core.emit({ kind: 'shutdown-cut-short', text })
    return text
  }

  /** Takes the next step; returns what is still to happen, if anything is. */
  #proceed(): string | undefined {
    const { replica, storage, options } = this.#core
    if (replica === undefined || this.#left || this.#isAlone()) return undefined
    if (replica.role === 'leader') {
      this.#handOver()
      return 'another server took over'
    }
    if (options.durability === 'fsync')
      return storage.durable >= storage.written ? undefined : 'its disk had stored what it was given'
    this.#askToLeave(replica)
    return 'the group let it go: it still counts as a member there, and its memory is gone'
  }

  #askToLeave({ leader }: Replica): void {
    const link = leader === undefined ? undefined : this.#peers.linkTo(leader)
    if (link !== undefined) this.#core.send(link, { kind: 'leave' })
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
