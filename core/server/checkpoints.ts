import { isVoter } from '../consensus/members.ts'
import { majorityOf } from '../consensus/quorum.ts'
import type { Index, ServerId } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'

/** How many checkpoints a server remembers, to compare with members that lag. */
const rememberedMax = 64

/**
 * Compares the state hashes of servers at the same applied index (R9). Whoever differs from an equal majority stops,
 * the leader included.
 * Not here: the hash (the state's digest).
 */
export class Checkpoints {
  readonly #core: ServerCore
  readonly #own = new Map<Index, string>()
  readonly #heard = new Map<ServerId, { readonly index: Index; readonly hash: string }>()

  constructor(core: ServerCore) {
    this.#core = core
  }

  /** To be called after each applied entry. */
  applied(index: Index): void {
    if (index % this.#core.options.limits.checkpointEntries !== 0) return
    const hash = this.#core.state.digest()
    this.#own.set(index, hash)
    this.#core.replica?.noteCheckpoint(index, hash)
    for (const old of this.#own.keys()) {
      if (this.#own.size <= rememberedMax) break
      this.#own.delete(old)
    }
  }

  /** This server told its hash at `index`, not long ago. */
  has(index: Index): boolean {
    return this.#own.has(index)
  }

  /** The state was replaced by a snapshot's. */
  reset(): void {
    this.#own.clear()
    this.#heard.clear()
  }

  /** A member's answer tells its hash; returns who differs from an equal majority there, if anybody does. */
  heard(from: ServerId, index: Index, hash: string): readonly ServerId[] {
    const before = this.#heard.get(from)
    const { replica } = this.#core
    if (replica === undefined || index === 0) return []
    if (before?.index === index && before.hash === hash) return []
    for (const server of this.#heard.keys()) if (!isVoter(replica.members, server)) this.#heard.delete(server)
    this.#heard.set(from, { index, hash })
    return this.#dissenters(index)
  }

  #dissenters(index: Index): readonly ServerId[] {
    const own = this.#own.get(index)
    const { replica, id } = this.#core
    if (own === undefined || replica === undefined) return []
    const hashes = new Map<ServerId, string>([[id, own]])
    for (const [server, heard] of this.#heard) {
      if (heard.index === index && isVoter(replica.members, server)) hashes.set(server, heard.hash)
    }
    const agreed = [...hashes.values()].find((hash) => {
      const equal = [...hashes.values()].filter((other) => other === hash).length
      return equal >= majorityOf(replica.members.voters.length)
    })
    return agreed === undefined ? [] : [...hashes].filter(([, hash]) => hash !== agreed).map(([server]) => server)
  }
}
