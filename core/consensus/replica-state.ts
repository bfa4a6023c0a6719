import { assert, must } from '../lib/assert.ts'
import type { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import type { Index, ServerId, Term } from '../wire/ids.ts'
import type { PeerMessage } from '../wire/message.ts'
import { lastIndexOf, type Run } from '../wire/run.ts'
import type { Log } from './log.ts'
import { decodeMembers, isVoter, type Members, noMembers } from './members.ts'
import type { Progress } from './progress.ts'

/**
 * What the replica needs of stable storage: one ordered stream, where a ticket names a position that becomes durable
 * (R4).
 */
export interface StableLog {
  saveHardState(term: Term, votedFor: ServerId | undefined): void
  append(run: Run): void
  reset(index: Index, term: Term): void
  noteCommit(index: Index): void
  readonly written: number
  readonly durable: number
}

export interface ReplicaOptions {
  readonly id: ServerId
  /**
   * Election timeouts are drawn from [electionMsMin, 2 * electionMsMin); a leader's silence shorter than that is not
   * doubted.
   */
  readonly electionMsMin: number
  readonly heartbeatMs: number
  /** Spacing of the campaigns that follow a leader's certain death (R3). */
  readonly rankMs: number
  readonly rushMs: number
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  readonly appendBytesMax: number
  readonly uncommittedBytesMax: number
}

export type ReplicaEffect =
  | { readonly kind: 'send'; readonly to: ServerId; readonly message: PeerMessage }
  /** The role, the term or the known leader changed. */
  | { readonly kind: 'role' }
  /** Another configuration is in effect (R1: from the moment it is appended, or again after a truncation). */
  | { readonly kind: 'members'; readonly index: Index; readonly members: Members }
  /** The member lacks entries that were compacted away. */
  | { readonly kind: 'need-snapshot'; readonly to: ServerId }
  | { readonly kind: 'repaired'; readonly index: Index }

export interface FollowerRole {
  readonly kind: 'follower'
  leader: ServerId | undefined
}

export interface CandidateRole {
  readonly kind: 'candidate'
  /** A pre-candidate only asks: it changes no durable state (thesis, section 9.6). */
  readonly pre: boolean
  readonly transfer: boolean
  readonly votes: Map<ServerId, boolean>
}

export interface LeaderRole {
  readonly kind: 'leader'
  readonly progress: Map<ServerId, Progress>
  /**
   * Index of the entry that opened the term, before which there is at most what an operator began with. Nothing is
   * committed below it, or served before it is committed (R1).
   */
  readonly noopIndex: Index
  /** The newest read round begun (R2). */
  round: number
  heartbeatAt: Millis
  transfer: { readonly to: ServerId; readonly until: Millis; sent: boolean } | undefined
}

export type RoleState = FollowerRole | CandidateRole | LeaderRole

/** Damage found at recovery (R4): until it is repaired this server neither votes nor counts. */
export interface Damage {
  /** The last index that may have been acknowledged. */
  readonly upTo: Index
  /** The term in which it may have been. */
  readonly term: Term
}

/** What a replica begins with, from an empty disk or a recovered one. */
export interface ReplicaStart {
  readonly term: Term
  readonly votedFor: ServerId | undefined
  readonly log: Log
  readonly commit: Index
  /** The configuration that the snapshot under the log holds. */
  readonly members: Members
  readonly damage: Damage | undefined
}

/** Who replicates the log from `index` on, until the next configuration. */
export interface Configuration {
  readonly index: Index
  readonly members: Members
}

interface HeldMessage {
  readonly ticket: number
  readonly to: ServerId
  readonly message: PeerMessage
}

/**
 * The state that all roles of a replica share, with the few operations that keep it sound.
 * Invariants: the term never falls; `votedFor` changes only when the term rises or from nobody to somebody; `commit`
 * never falls; a message that rests on something stored leaves only when that is durable.
 */
export class ReplicaState {
  readonly id: ServerId
  readonly options: ReplicaOptions
  readonly prng: Prng
  readonly log: Log
  readonly stable: StableLog
  effects: ReplicaEffect[] = []
  role: RoleState = { kind: 'follower', leader: undefined }
  electionAt: Millis
  /** When a leader of the current term was last heard; what stickiness and PreVote go by. */
  leaderHeardAt: Millis = Number.NEGATIVE_INFINITY
  /** When a leader was last heard, or this server led with a quorum behind it; at first the start of this life. */
  ledUntil: Millis
  rush: { at: Millis; readonly until: Millis } | undefined
  damage: Damage | undefined
  /** The last checkpoint applied and the state hash there; set by the server (R9). */
  checkpoint: Index = 0
  stateHash = ''
  durableIndex: Index
  #term: Term
  #votedFor: ServerId | undefined
  #commit: Index
  #configurations: Configuration[]
  #swornTicket: number
  #held: HeldMessage[] = []
  #appended: { readonly ticket: number; upTo: Index }[] = []

  constructor(options: ReplicaOptions, stable: StableLog, prng: Prng, start: ReplicaStart, now: Millis) {
    this.id = options.id
    this.options = options
    this.stable = stable
    this.prng = prng
    this.log = start.log
    this.damage = start.damage
    this.#term = start.term
    this.#votedFor = start.votedFor
    this.#commit = start.commit
    this.durableIndex = start.log.lastIndex
    // 1. A vote is written, and the process dies before the sync. 2. The next one reads it from the page cache and says
    // it again. 3. The power goes, and with it the vote. Therefore what was recovered has to be durable first, too.
    this.#swornTicket = stable.written
    this.#configurations = [{ index: start.log.baseIndex, members: start.members }]
    for (const run of start.log.runs) this.#noteConfiguration(run)
    this.electionAt = now + this.randomElectionMs()
    this.ledUntil = now
  }

  get term(): Term {
    return this.#term
  }

  get votedFor(): ServerId | undefined {
    return this.#votedFor
  }

  get commit(): Index {
    return this.#commit
  }

  get members(): Members {
    return must(this.#configurations.at(-1), 'a replica has a configuration').members
  }

  /** Index of the configuration in effect; it may be uncommitted. */
  get membersIndex(): Index {
    return must(this.#configurations.at(-1), 'a replica has a configuration').index
  }

  /** Every configuration of the log here, oldest first: the one in effect where the log begins, and all after it. */
  get configurations(): readonly Configuration[] {
    return this.#configurations
  }

  /** The configuration in effect at `index`, for a snapshot there. */
  membersAt(index: Index): Members {
    return this.#configurations.findLast((configuration) => configuration.index <= index)?.members ?? noMembers
  }

  get leader(): ServerId | undefined {
    if (this.role.kind === 'leader') return this.id
    return this.role.kind === 'follower' ? this.role.leader : undefined
  }

  /**
   * A voter of the last configuration that is known to be committed may be needed, even if a later one leaves it out:
   * it may be the only one to hold that later one (thesis, section 4.2.2).
   */
  canCampaign(): boolean {
    if (this.damage !== undefined) return false
    return isVoter(this.members, this.id) || isVoter(this.membersAt(this.#commit), this.id)
  }

  randomElectionMs(): number {
    return this.options.electionMsMin + this.prng.below(this.options.electionMsMin)
  }

  /**
   * Enters a later term (or, in the same term, gives the vote that was not given). Nothing said afterwards leaves
   * before this is durable.
   */
  enterTerm(term: Term, votedFor: ServerId | undefined): void {
    assert(
      term > this.#term || (term === this.#term && this.#votedFor === undefined),
      'a vote would change within a term',
    )
    this.#term = term
    this.#votedFor = votedFor
    this.stable.saveHardState(term, votedFor)
    this.#swornTicket = this.stable.written
  }

  becomeFollower(leader: ServerId | undefined, now: Millis): void {
    const changed = this.role.kind !== 'follower' || this.role.leader !== leader
    if (this.role.kind === 'leader') this.ledUntil = now
    this.role = { kind: 'follower', leader }
    this.rush = leader === undefined ? this.rush : undefined
    this.electionAt = now + this.randomElectionMs()
    if (changed) this.effects.push({ kind: 'role' })
  }

  appendRun(run: Run): void {
    assert(run.firstIndex > this.#commit, 'a committed entry would be overwritten')
    this.log.append(run)
    this.stable.append(run)
    this.durableIndex = Math.min(this.durableIndex, run.firstIndex - 1)
    for (const pending of this.#appended) pending.upTo = Math.min(pending.upTo, run.firstIndex - 1)
    this.#appended.push({ ticket: this.stable.written, upTo: lastIndexOf(run) })
    this.#noteDurable()
    if (this.membersIndex >= run.firstIndex) this.#dropConfigurations(run.firstIndex)
    this.#noteConfiguration(run)
  }

  commitTo(index: Index): void {
    assert(index <= this.log.lastIndex, 'commit beyond the end of the log')
    if (index <= this.#commit) return
    this.#commit = index
    this.stable.noteCommit(index)
  }

  /**
   * Takes in what an installed snapshot covers; the snapshot is durable, and so is everything up to its end. Entries
   * behind it stay if the log agrees with it (Raft paper, section 7): they may have been acknowledged since the
   * snapshot was sent.
   */
  installSnapshot(index: Index, term: Term, stampMs: number, members: Members): void {
    assert(index > this.#commit, 'a snapshot would undo what is committed')
    if (this.log.termAt(index) === term) {
      this.commitTo(index)
      this.compact(index)
    } else this.#replaceLog(index, term, stampMs, members)
    this.durableIndex = Math.max(this.durableIndex, index)
    if (this.role.kind === 'candidate' && !this.canCampaign()) this.#giveUpCandidacy()
  }

  endRepair(): void {
    this.damage = undefined
    this.effects.push({ kind: 'repaired', index: this.#commit })
  }

  compact(index: Index): void {
    assert(index <= this.#commit, 'only what is committed is compacted')
    while (this.#configurations.length > 1 && (this.#configurations[1] as Configuration).index <= index)
      this.#configurations.shift()
    this.log.compact(index)
  }

  send(to: ServerId, message: PeerMessage): void {
    this.effects.push({ kind: 'send', to, message })
  }

  /** Sends once everything stored so far is durable: for what vouches for entries. */
  sendWhenStored(to: ServerId, message: PeerMessage): void {
    this.#sendAfter(this.stable.written, to, message)
  }

  /**
   * Sends once term and vote are durable: for what vouches for nothing else, so that a slow disk does not look like a
   * dead server.
   */
  sendWhenSworn(to: ServerId, message: PeerMessage): void {
    this.#sendAfter(this.#swornTicket, to, message)
  }

  get isSworn(): boolean {
    return this.stable.durable >= this.#swornTicket
  }

  /**
   * Storage made progress: releases what waited for it. Of several accepted appends to one leader the last says it all.
   */
  storageProgressed(): void {
    this.#noteDurable()
    if (this.#held.length === 0) return
    const released = this.#held.filter((held) => held.ticket <= this.stable.durable)
    this.#held = this.#held.filter((held) => held.ticket > this.stable.durable)
    released.forEach((held, i) => {
      if (!this.#isSurpassed(held, released[i + 1])) this.send(held.to, held.message)
    })
  }

  #replaceLog(index: Index, term: Term, stampMs: number, members: Members): void {
    this.log.reset(index, term, stampMs)
    this.stable.reset(index, term)
    this.#appended = []
    this.durableIndex = index
    // What they vouch for is no entry of this log any more; the sender asks again behind the snapshot.
    this.#held = this.#held.filter(({ message }) => message.kind !== 'append-ack' || message.match === undefined)
    this.#commit = index
    this.stable.noteCommit(index)
    this.#configurations = [{ index, members }]
    this.effects.push({ kind: 'members', index, members })
  }

  #giveUpCandidacy(): void {
    this.role = { kind: 'follower', leader: undefined }
    this.effects.push({ kind: 'role' })
  }

  #sendAfter(ticket: number, to: ServerId, message: PeerMessage): void {
    const held = { ticket, to, message }
    const last = this.#held.at(-1)
    if (this.stable.durable >= ticket) this.send(to, message)
    else if (last !== undefined && last.ticket === ticket && this.#isSurpassed(last, held))
      this.#held[this.#held.length - 1] = held
    else this.#held.push(held)
  }

  #isSurpassed(held: HeldMessage, next: HeldMessage | undefined): boolean {
    const { message } = held
    if (message.kind !== 'append-ack' || message.match === undefined || next === undefined || next.to !== held.to)
      return false
    return (
      next.message.kind === 'append-ack' &&
      next.message.term === message.term &&
      next.message.round >= message.round &&
      (next.message.match ?? -1) >= message.match
    )
  }

  #noteDurable(): void {
    while (this.#appended.length > 0 && (this.#appended[0] as { ticket: number }).ticket <= this.stable.durable) {
      this.durableIndex = Math.max(this.durableIndex, (this.#appended.shift() as { upTo: Index }).upTo)
    }
  }

  #noteConfiguration(run: Run): void {
    if (run.kind !== 'members') return
    const members = decodeMembers(run.bytes.subarray(payloadStart(run.bytes)))
    this.#configurations.push({ index: run.firstIndex, members })
    this.effects.push({ kind: 'members', index: run.firstIndex, members })
  }

  #dropConfigurations(from: Index): void {
    while (this.#configurations.length > 1 && this.membersIndex >= from) this.#configurations.pop()
    this.effects.push({ kind: 'members', index: this.membersIndex, members: this.members })
  }
}

/** Where the only payload of a run begins: behind its length. */
function payloadStart(bytes: Uint8Array): number {
  let at = 0
  while ((bytes[at] as number) >= 0x80) at++
  return at + 1
}
