import { isMember, isVoter, type Members, makeMembers, memberNamed } from '../consensus/members.ts'
import { majorityOf } from '../consensus/quorum.ts'
import { utf8Length } from '../lib/utf8.ts'
import type { Millis } from '../machine.ts'
import { type Link, nameOf, type ServerId, type ServerName } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'
import type { Peers } from './peers.ts'

interface Joiner {
  readonly server: ServerId
  readonly address: string
  heardAt: Millis
}

interface Leaver {
  readonly link: Link
}

/** As much of an address as a configuration has room for. */
const addressBytesMax = 512

/** How often the leader looks whether somebody can be taken in, promoted or let go. */
const reviewMs = 50

/**
 * Who belongs to the group, as its leader decides (R5): takes in servers that hold nothing in the place of dead
 * incarnations of their name, first as learners, then by a joint change, and lets go who asks for it.
 * Also notices, on any server, that a majority of the incarnations is gone for good.
 * Not here: the mechanics of a change (consensus).
 */
export class Membership {
  readonly #core: ServerCore
  readonly #peers: Peers
  readonly #joiners = new Map<ServerName, Joiner>()
  readonly #leavers = new Map<ServerId, Leaver>()
  readonly #caughtUp = new Map<ServerId, number>()
  /** Names under which another incarnation than the member's was met, holding nothing. */
  readonly #replaced = new Map<ServerName, ServerId>()
  majorityLost = false
  #at: Millis = 0

  constructor(core: ServerCore, peers: Peers) {
    this.#core = core
    this.#peers = peers
  }

  nextDeadline(): Millis | undefined {
    return this.#core.serves && (this.#joiners.size > 0 || this.#leavers.size > 0 || this.#hasLearners())
      ? this.#at
      : undefined
  }

  /** A server that holds nothing wants in. */
  onJoin(link: Link, server: ServerId, address: string): void {
    const core = this.#core
    if (utf8Length(address) > addressBytesMax) return
    this.noteEmpty(server)
    if (!core.serves)
      core.send(link, { kind: 'join-refused', code: this.majorityLost ? 'MAJORITY_LOST' : 'NOT_LEADER' })
    else this.#joiners.set(nameOf(server), { server, address, heardAt: core.now })
  }

  onLeave(link: Link, server: ServerId): void {
    const { replica } = this.#core
    if (!this.#core.serves || replica === undefined) return
    if (isMember(replica.members, server)) this.#leavers.set(server, { link })
    else if (replica.membersIndex <= replica.commit) this.#core.send(link, { kind: 'left' })
  }

  /** Another incarnation answers under a member's name and holds nothing: the member's memory is gone. */
  noteEmpty(server: ServerId): void {
    this.#replaced.set(nameOf(server), server)
    this.#reviewMajority()
  }

  /** Whoever answers under this name belongs to the group: nothing is lost there. */
  noteMember(server: ServerId): void {
    this.#replaced.delete(nameOf(server))
  }

  /** This server leads no more: what its members wanted of it they ask the next leader. */
  clear(): void {
    this.#joiners.clear()
    this.#leavers.clear()
    this.#caughtUp.clear()
  }

  tick(): void {
    const core = this.#core
    const { replica } = core
    if (replica?.leader !== undefined) this.majorityLost = false
    if (!core.serves || replica === undefined) {
      this.clear()
      return
    }
    if (this.#at > core.now) return
    this.#at = core.now + reviewMs
    this.#answerLeavers(replica.members)
    const next =
      this.#promotion(replica.members) ?? this.#admission(replica.members) ?? this.#departure(replica.members)
    if (next !== undefined) replica.changeMembers(next, core.now)
  }

  /** A learner in the place of a dead incarnation, or of nobody. */
  #admission(members: Members): Members | undefined {
    for (const [name, joiner] of this.#joiners) {
      if (joiner.heardAt + 2 * this.#core.options.timing.electionMsMin < this.#core.now) this.#joiners.delete(name)
      else if (isMember(members, joiner.server)) this.#joiners.delete(name)
      else if (this.#mayAdmit(members, name)) {
        const learners = members.learners.filter((id) => nameOf(id) !== name)
        return makeMembers(
          members.voters,
          [],
          [...learners, joiner.server],
          [...members.addresses, [joiner.server, joiner.address]],
        )
      }
    }
    return undefined
  }

  /** Only once the old incarnation's connection is closed and it was silent for an election timeout. */
  #mayAdmit(members: Members, name: ServerName): boolean {
    const { options, replica, now } = this.#core
    if (!options.servers.has(name)) return false
    const old = memberNamed(members, name)
    if (old === undefined) return members.voters.length < options.limits.votersMax
    const silentSince = replica?.progressOf(old)?.ackedAt ?? now
    return this.#peers.linkTo(old) === undefined && silentSince + options.timing.electionMsMin <= now
  }

  /**
   * A learner that kept up for two reviews becomes a voter; the incarnation it stands in for goes in the same joint
   * change.
   */
  #promotion(members: Members): Members | undefined {
    for (const id of this.#caughtUp.keys()) if (!members.learners.includes(id)) this.#caughtUp.delete(id)
    for (const id of members.learners) {
      const progress = this.#core.replica?.progressOf(id)
      const keptUp =
        progress !== undefined && progress.match + this.#lagAllowed() >= (this.#core.replica?.log.lastIndex ?? 0)
      const reviews = keptUp && progress.match > 0 ? (this.#caughtUp.get(id) ?? 0) + 1 : 0
      this.#caughtUp.set(id, reviews)
      if (reviews < 2) continue
      const voters = members.voters.filter((voter) => nameOf(voter) !== nameOf(id))
      if (voters.length < this.#core.options.limits.votersMax)
        return makeMembers([...voters, id], [], members.learners, members.addresses)
    }
    return undefined
  }

  #departure(members: Members): Members | undefined {
    const leaver = [...this.#leavers.keys()].find((id) => isMember(members, id) && id !== this.#core.id)
    if (leaver === undefined) return undefined
    const voters = members.voters.filter((id) => id !== leaver)
    const learners = members.learners.filter((id) => id !== leaver)
    return voters.length === 0 ? undefined : makeMembers(voters, [], learners, members.addresses)
  }

  #answerLeavers(members: Members): void {
    const { replica } = this.#core
    if (replica === undefined || replica.membersIndex > replica.commit) return
    for (const [id, { link }] of this.#leavers) {
      if (isMember(members, id)) continue
      this.#core.send(link, { kind: 'left' })
      this.#leavers.delete(id)
    }
  }

  #reviewMajority(): void {
    const { replica } = this.#core
    if (replica === undefined || replica.leader !== undefined || this.majorityLost) return
    const { voters } = replica.members
    const gone = voters.filter((id) => {
      const other = this.#replaced.get(nameOf(id))
      return other !== undefined && other !== id && !isVoter(replica.members, other)
    })
    if (voters.length === 0 || voters.length - gone.length >= majorityOf(voters.length)) return
    this.majorityLost = true
    this.#core.emit({ kind: 'majority-lost' })
  }

  #hasLearners(): boolean {
    return (this.#core.replica?.members.learners.length ?? 0) > 0
  }

  #lagAllowed(): number {
    return Math.min(1024, this.#core.options.limits.trailingEntries)
  }
}
