import { assert } from '../lib/assert.ts'
import type { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import type { Index, ServerId, Term } from '../wire/ids.ts'
import type { PeerMessage } from '../wire/message.ts'
import type { Run, RunKind } from '../wire/run.ts'
import { campaign, countOwnVote, onVote, onVoteReply, startCampaign } from './candidate.ts'
import { onAppend, onHeartbeat, onLeaderGone } from './follower.ts'
import { checkReplica, checkStep, type ReplicaView, viewOf } from './invariants.ts'
import {
  advanceCommit,
  appendMembers,
  appendOwn,
  confirmedRound,
  leaderTick,
  leaderTurn,
  onAppendAck,
  onHeartbeatAck,
  onSnapshotInstalled,
  onSnapshotLost,
  standAlone,
} from './leader.ts'
import { isJoint, isVoter, type Members } from './members.ts'
import type { Progress } from './progress.ts'
import {
  type Configuration,
  type ReplicaEffect,
  type ReplicaOptions,
  type ReplicaStart,
  ReplicaState,
  type StableLog,
} from './replica-state.ts'

/** What a replica is sent by another, but for snapshot chunks and verdicts, which the server handles. */
export type ConsensusMessage = Exclude<PeerMessage, { kind: 'snapshot-chunk' | 'snapshot-ack' | 'diverged' }>

/**
 * One server's part in Raft: dispatches messages, time and storage progress to the role it plays. Everything it wants
 * sent is in
 * `takeEffects()`; what it wants stored went to the `StableLog` it was given.
 * Not here: applying entries, clients, snapshots' content, connections. The server composes those.
 */
export class Replica {
  readonly #state: ReplicaState
  #checked: ReplicaView

  constructor(options: ReplicaOptions, stable: StableLog, prng: Prng, start: ReplicaStart, now: Millis) {
    this.#state = new ReplicaState(options, stable, prng, start, now)
    this.#checked = viewOf(this.#state)
  }

  get id(): ServerId {
    return this.#state.id
  }

  get term(): Term {
    return this.#state.term
  }

  get commit(): Index {
    return this.#state.commit
  }

  get members(): Members {
    return this.#state.members
  }

  get membersIndex(): Index {
    return this.#state.membersIndex
  }

  get configurations(): readonly Configuration[] {
    return this.#state.configurations
  }

  get leader(): ServerId | undefined {
    return this.#state.leader
  }

  /** When a leader was last heard, or this server led with a quorum behind it; at first the start of this life. */
  get ledUntil(): Millis {
    return this.#state.ledUntil
  }

  get role(): 'follower' | 'candidate' | 'leader' {
    return this.#state.role.kind
  }

  get log(): Pick<
    ReplicaState['log'],
    | 'baseIndex'
    | 'baseTerm'
    | 'lastIndex'
    | 'lastTerm'
    | 'lastStampMs'
    | 'bytes'
    | 'termAt'
    | 'stampAt'
    | 'startOfTail'
    | 'slice'
  > {
    return this.#state.log
  }

  get repairing(): boolean {
    return this.#state.damage !== undefined
  }

  /** Reads for the simulator and its checkers. */
  get view(): ReplicaView {
    return viewOf(this.#state)
  }

  /** The leader's opening entry is committed: it may serve (R1). */
  get isReady(): boolean {
    const { role, commit } = this.#state
    return role.kind === 'leader' && commit >= role.noopIndex
  }

  get isTransferring(): boolean {
    const { role } = this.#state
    return role.kind === 'leader' && role.transfer !== undefined
  }

  get confirmedRound(): number {
    const { role } = this.#state
    return role.kind === 'leader' ? confirmedRound(this.#state, role) : 0
  }

  /** What the leader knows of a member. */
  progressOf(id: ServerId): Readonly<Progress> | undefined {
    const { role } = this.#state
    return role.kind === 'leader' ? role.progress.get(id) : undefined
  }

  membersAt(index: Index): Members {
    return this.#state.membersAt(index)
  }

  takeEffects(): readonly ReplicaEffect[] {
    const { effects } = this.#state
    if (effects.length > 0) this.#state.effects = []
    return effects
  }

  receive(from: ServerId, message: ConsensusMessage, now: Millis): void {
    const state = this.#state
    if (message.term < state.term) {
      answerStale(state, from, message)
      return
    }
    if (message.kind === 'vote' && this.#isShielded(message.transfer, now)) return
    if (message.term > state.term && raisesTerm(message)) {
      state.enterTerm(message.term, undefined)
      state.becomeFollower(undefined, now)
    }
    this.#dispatch(from, message, now)
  }

  /** Appends entries if this server leads and has room; returns the first index, or undefined. */
  propose(kind: RunKind, payloads: readonly Uint8Array[], stampMs: number, now: Millis): Index | undefined {
    const state = this.#state
    if (state.role.kind !== 'leader' || state.role.transfer !== undefined) return undefined
    if (this.uncommittedBytes >= state.options.uncommittedBytesMax) return undefined
    return appendOwn(state, kind, payloads, Math.max(stampMs, state.log.lastStampMs), now)
  }

  get uncommittedBytes(): number {
    const { log, commit } = this.#state
    let bytes = 0
    for (let i = log.runs.length - 1; i >= 0 && (log.runs[i]?.firstIndex ?? 0) > commit; i--)
      bytes += log.runs[i]?.bytes.length ?? 0
    return bytes
  }

  /**
   * Starts a change of members; one at a time, and only behind a committed entry of this term (Ongaro's correction of
   * 2015).
   */
  changeMembers(members: Members, now: Millis): boolean {
    const state = this.#state
    if (!this.isReady || this.isTransferring || isJoint(state.members) || state.membersIndex > state.commit)
      return false
    appendMembers(state, members, now)
    return true
  }

  /** Begins a read round; it is confirmed once `confirmedRound` reaches the number returned. */
  beginRound(): number {
    const { role } = this.#state
    return role.kind === 'leader' ? ++role.round : 0
  }

  transfer(to: ServerId, now: Millis): boolean {
    const { role, members, id, options } = this.#state
    if (role.kind !== 'leader' || to === id || !isVoter(members, to) || role.progress.get(to)?.repairing !== false)
      return false
    role.transfer = { to, until: now + options.electionMsMin, sent: false }
    return true
  }

  /** Begins the log of a group that was just formed. */
  adopt(founding: readonly Run[]): void {
    const state = this.#state
    assert(state.log.lastIndex === 0, 'a founding log begins an empty one')
    if (state.term === 0) state.enterTerm(1, undefined)
    for (const run of founding) state.appendRun(run)
  }

  /** Nobody leads a group that was just founded: its founder need not wait for a timeout. */
  campaignSoon(now: Millis): void {
    this.#state.electionAt = now + this.#state.options.rankMs
  }

  /** The operator's way out of a lost majority (R5); `found` is the entry that begins another history. */
  standAlone(address: string, found: Uint8Array, stampMs: number, now: Millis): void {
    standAlone(this.#state, address, found, stampMs, now)
  }

  leaderGone(now: Millis): void {
    onLeaderGone(this.#state, now)
  }

  /** The server applied a checkpoint; acks carry it (R9). */
  noteCheckpoint(index: Index, stateHash: string): void {
    this.#state.checkpoint = index
    this.#state.stateHash = stateHash
  }

  /** Takes over what a snapshot covers; `stampMs` is cluster time there. */
  installSnapshot(index: Index, term: Term, stampMs: number, members: Members): void {
    this.#state.installSnapshot(index, term, stampMs, members)
  }

  snapshotInstalled(on: ServerId, index: Index): void {
    onSnapshotInstalled(this.#state, on, index)
  }

  snapshotLost(to: ServerId): void {
    onSnapshotLost(this.#state, to)
  }

  compact(index: Index): void {
    this.#state.compact(index)
  }

  /** A leader's snapshot chunk is a sign of life like any other. */
  hearLeader(from: ServerId, term: Term, now: Millis): boolean {
    const state = this.#state
    if (term < state.term) return false
    this.receive(from, { kind: 'heartbeat', term, commit: 0, round: 0 }, now)
    return true
  }

  storageProgressed(now: Millis): void {
    this.#state.storageProgressed()
    countOwnVote(this.#state, now)
    advanceCommit(this.#state, now)
  }

  tick(now: Millis): void {
    const state = this.#state
    if (state.role.kind === 'leader') leaderTick(state, state.role, now)
    else if (state.rush !== undefined && state.rush.at <= now) this.#rush(now)
    else if (state.electionAt <= now) this.#electionTimeout(now)
  }

  turn(): void {
    const state = this.#state
    if (state.role.kind === 'leader') leaderTurn(state, state.role)
  }

  nextDeadline(): Millis | undefined {
    const { role, rush, electionAt } = this.#state
    if (role.kind === 'leader') return role.heartbeatAt
    if (rush !== undefined) return Math.min(rush.at, electionAt)
    return this.#state.canCampaign() ? electionAt : undefined
  }

  checkInvariants(): void {
    checkReplica(this.#state)
    const view = viewOf(this.#state)
    checkStep(this.#checked, view)
    this.#checked = view
  }

  #dispatch(from: ServerId, message: ConsensusMessage, now: Millis): void {
    const state = this.#state
    switch (message.kind) {
      case 'append':
        if (state.role.kind !== 'leader') onAppend(state, from, message, now)
        return
      case 'heartbeat':
        if (state.role.kind !== 'leader') onHeartbeat(state, from, message, now)
        return
      case 'append-ack':
        onAppendAck(state, from, message, now)
        return
      case 'heartbeat-ack':
        onHeartbeatAck(state, from, message, now)
        return
      case 'vote':
        onVote(state, from, message, now)
        return
      case 'vote-reply':
        onVoteReply(state, from, message, now)
        return
      case 'timeout-now':
        // Only the leader hands over what it has: from anybody else it would depose a healthy one.
        if (state.role.kind === 'follower' && state.role.leader === from) campaign(state, true, now)
    }
  }

  /**
   * Who hears its leader refuses to help another one up: a server that was cut off can't depose a healthy leader
   * (thesis, section 4.2.3).
   */
  #isShielded(transfer: boolean, now: Millis): boolean {
    if (transfer) return false
    const { role, leaderHeardAt, options } = this.#state
    return role.kind === 'leader' || (this.#state.leader !== undefined && now < leaderHeardAt + options.electionMsMin)
  }

  #rush(now: Millis): void {
    const state = this.#state
    const rush = state.rush
    if (rush === undefined) return
    state.rush = now >= rush.until ? undefined : { at: now + state.options.rankMs, until: rush.until }
    if (state.role.kind === 'follower' || (state.role.kind === 'candidate' && state.role.pre)) startCampaign(state, now)
  }

  #electionTimeout(now: Millis): void {
    this.#state.electionAt = now + this.#state.randomElectionMs()
    startCampaign(this.#state, now)
  }
}

/**
 * Whether a message of a later term makes its receiver enter that term: all but the questions and promises of PreVote.
 */
function raisesTerm(message: ConsensusMessage): boolean {
  if (message.kind === 'vote') return !message.pre
  return message.kind !== 'vote-reply' || !message.pre || !message.granted
}

/**
 * Tells who is behind the term of this server, so that nobody stays stuck in an old one; other leftovers of old terms
 * are dropped.
 */
function answerStale(state: ReplicaState, from: ServerId, message: ConsensusMessage): void {
  if (message.kind === 'vote' && message.pre) {
    state.sendWhenSworn(from, { kind: 'vote-reply', term: state.term, pre: true, granted: false })
  } else if (message.kind === 'append' || message.kind === 'heartbeat') {
    state.sendWhenSworn(from, {
      kind: 'heartbeat-ack',
      term: state.term,
      round: 0,
      repairing: state.damage !== undefined,
    })
  }
}
