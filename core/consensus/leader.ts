import { assert } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { Index, ServerId } from '../wire/ids.ts'
import type { PeerMessage } from '../wire/message.ts'
import { type Run, type RunKind, runBytes } from '../wire/run.ts'
import {
  allMembers,
  encodeMembers,
  firstStepTowards,
  isJoint,
  isVoter,
  type Members,
  makeMembers,
  withoutOutgoing,
} from './members.ts'
import { Progress } from './progress.ts'
import { reachedByQuorum } from './quorum.ts'
import type { LeaderRole, ReplicaState } from './replica-state.ts'
import { replicateTo } from './replication.ts'

type AppendAck = Extract<PeerMessage, { kind: 'append-ack' }>
type HeartbeatAck = Extract<PeerMessage, { kind: 'heartbeat-ack' }>

/**
 * Won the election: opens the term with an entry of its own, before which nothing of earlier terms counts as committed
 * (Raft paper, section 5.4.2).
 */
export function becomeLeader(state: ReplicaState, now: Millis): void {
  lead(state, state.log.lastIndex + 1, now)
  appendOwn(state, 'noop', [new Uint8Array(0)], state.log.lastStampMs, now)
}

function lead(state: ReplicaState, noopIndex: Index, now: Millis): void {
  const progress = new Map<ServerId, Progress>()
  const role: LeaderRole = { kind: 'leader', progress, noopIndex, round: 0, heartbeatAt: now, transfer: undefined }
  state.role = role
  state.rush = undefined
  trackMembers(state, role, now)
  state.effects.push({ kind: 'role' })
}

/**
 * An operator's order after a majority was lost (R5): leads a configuration of this server alone, from whatever it
 * holds. It is the one step that no quorum backs; the history that begins with it is another one, so nobody can mistake
 * it for the old. `found` begins that history. It comes first, whatever else the log is full of, and nothing is
 * committed before all entries of the step are durable: a crash leaves all of them or none that counts.
 */
export function standAlone(
  state: ReplicaState,
  address: string,
  found: Uint8Array,
  stampMs: number,
  now: Millis,
): void {
  // What was damaged and can't be repaired from others any more is lost with them.
  if (state.damage !== undefined) state.endRepair()
  state.enterTerm(state.term + 1, state.id)
  lead(state, state.log.lastIndex + 3, now)
  appendOwn(state, 'data', [found], Math.max(stampMs, state.log.lastStampMs), now)
  const alone = makeMembers([state.id], [], [], [[state.id, address]])
  appendOwn(state, 'members', [encodeMembers(alone)], state.log.lastStampMs, now)
  appendOwn(state, 'noop', [new Uint8Array(0)], state.log.lastStampMs, now)
}

/** Keeps one `Progress` for every other member of the configuration in effect. */
export function trackMembers(state: ReplicaState, role: LeaderRole, now: Millis): void {
  const others = allMembers(state.members).filter((id) => id !== state.id)
  for (const id of [...role.progress.keys()]) if (!others.includes(id)) role.progress.delete(id)
  for (const id of others) if (!role.progress.has(id)) role.progress.set(id, new Progress(state.log.lastIndex + 1, now))
}

/** Appends entries to the leader's own log; `turn` replicates them. */
export function appendOwn(
  state: ReplicaState,
  kind: RunKind,
  payloads: readonly Uint8Array[],
  stampMs: number,
  now: Millis,
): Index {
  assert(state.role.kind === 'leader', 'only a leader appends')
  const firstIndex = state.log.lastIndex + 1
  const run: Run = { kind, firstIndex, term: state.term, stampMs, count: payloads.length, bytes: runBytes(payloads) }
  state.appendRun(run)
  if (kind === 'members') trackMembers(state, state.role, now)
  advanceCommit(state, now)
  return firstIndex
}

/**
 * Commits what a quorum holds durably; an entry of an earlier term only together with one of this term (Raft paper,
 * figure 8).
 */
export function advanceCommit(state: ReplicaState, now: Millis): void {
  const role = state.role
  if (role.kind !== 'leader') return
  const index = reachedByQuorum(state.members, (id) => matchOf(state, role, id))
  if (index <= state.commit || index < role.noopIndex) return
  state.commitTo(index)
  if (state.membersIndex > index) return
  if (isJoint(state.members)) appendMembers(state, withoutOutgoing(state.members), now)
  else if (!isVoter(state.members, state.id)) leave(state, role, now)
}

/** Takes the first step towards another configuration; the step out of a joint one follows when it is committed. */
export function appendMembers(state: ReplicaState, members: Members, now: Millis): void {
  appendOwn(state, 'members', [encodeMembers(firstStepTowards(state.members, members))], state.log.lastStampMs, now)
}

/**
 * The newest read round that a quorum confirmed: this server led when each round up to it began (R2; thesis, section
 * 6.4).
 */
export function confirmedRound(state: ReplicaState, role: LeaderRole): number {
  return reachedByQuorum(state.members, (id) => {
    if (id === state.id) return role.round
    const progress = role.progress.get(id)
    return progress === undefined || progress.repairing ? 0 : progress.round
  })
}

export function onAppendAck(state: ReplicaState, from: ServerId, ack: AppendAck, now: Millis): void {
  const progress = heard(state, from, ack, now)
  if (progress === undefined) return
  if (ack.match === undefined) onRejected(state, progress, ack)
  else onAccepted(state, progress, ack.match, now)
}

export function onHeartbeatAck(state: ReplicaState, from: ServerId, ack: HeartbeatAck, now: Millis): void {
  const progress = heard(state, from, ack, now)
  if (progress === undefined) return
  progress.probeSent = false
  if (ack.repairing || progress.match < state.log.lastIndex) progress.nudged = true
  if (progress.match > state.commit) advanceCommit(state, now)
}

/**
 * The member installed a snapshot, or turned out not to need one. It says what it holds durably, and what counts, when
 * it answers the next append.
 */
export function onSnapshotInstalled(state: ReplicaState, from: ServerId, index: Index): void {
  const progress = state.role.kind === 'leader' ? state.role.progress.get(from) : undefined
  if (progress?.state === 'snapshot') progress.becomeProbe(Math.min(index, state.log.lastIndex) + 1)
}

/** The snapshot did not arrive: ask again where the member stands. */
export function onSnapshotLost(state: ReplicaState, to: ServerId): void {
  const progress = state.role.kind === 'leader' ? state.role.progress.get(to) : undefined
  if (progress?.state === 'snapshot') progress.becomeProbe(state.log.lastIndex + 1)
}

/**
 * What time alone makes a leader do: heartbeats, giving up a transfer, and stepping down when no quorum answers
 * (CheckQuorum).
 */
export function leaderTick(state: ReplicaState, role: LeaderRole, now: Millis): void {
  const answered = reachedByQuorum(state.members, (id) =>
    id === state.id ? now : (role.progress.get(id)?.ackedAt ?? 0),
  )
  if (answered + state.options.electionMsMin <= now) {
    state.becomeFollower(undefined, now)
    state.ledUntil = answered
    return
  }
  if (role.transfer !== undefined && role.transfer.until <= now) role.transfer = undefined
  if (role.heartbeatAt > now) return
  role.heartbeatAt = now + state.options.heartbeatMs
  role.round++
}

/** Replicates, confirms rounds and tells commits: one pass over the members at the end of a turn. */
export function leaderTurn(state: ReplicaState, role: LeaderRole): void {
  for (const [id, progress] of role.progress) replicateTo(state, role, id, progress)
  const { transfer } = role
  if (transfer === undefined || transfer.sent || role.progress.get(transfer.to)?.match !== state.log.lastIndex) return
  transfer.sent = true
  state.sendWhenSworn(transfer.to, { kind: 'timeout-now', term: state.term })
}

function heard(state: ReplicaState, from: ServerId, ack: AppendAck | HeartbeatAck, now: Millis): Progress | undefined {
  const progress = state.role.kind === 'leader' ? state.role.progress.get(from) : undefined
  if (progress === undefined) return undefined
  progress.ackedAt = now
  progress.round = Math.max(progress.round, ack.round)
  progress.repairing = ack.repairing
  return progress
}

function onAccepted(state: ReplicaState, progress: Progress, match: Index, now: Millis): void {
  if (match > state.log.lastIndex) return
  const rose = progress.accept(match)
  progress.probeSent = false
  if (progress.state === 'probe' || (progress.state === 'snapshot' && match >= state.log.baseIndex))
    progress.becomeReplicate()
  if (rose || progress.match > state.commit) advanceCommit(state, now)
}

/**
 * A rejection of something older than what the member has confirmed since is stale, unless the member lost what it had
 * (R4).
 */
function onRejected(state: ReplicaState, progress: Progress, ack: AppendAck): void {
  const next = Math.min(ack.prevIndex, state.log.lastAtMost(ack.hintIndex, ack.hintTerm) + 1)
  if (ack.repairing && ack.hintIndex < progress.match) progress.forget(next)
  else if (progress.state === 'replicate' && ack.prevIndex > progress.match) progress.becomeProbe(next)
  else if (progress.state === 'probe' && ack.prevIndex === progress.next - 1) progress.becomeProbe(next)
}

function matchOf(state: ReplicaState, role: LeaderRole, id: ServerId): Index {
  if (id === state.id) return state.durableIndex
  const progress = role.progress.get(id)
  return progress === undefined || progress.repairing ? 0 : progress.match
}

/**
 * A leader that the committed configuration does not contain has done its last duty (thesis, section 4.2.2). A voter
 * that has the whole log takes over at once.
 */
function leave(state: ReplicaState, role: LeaderRole, now: Millis): void {
  const heir = state.members.voters.find((id) => matchOf(state, role, id) === state.log.lastIndex)
  if (heir !== undefined) state.sendWhenSworn(heir, { kind: 'timeout-now', term: state.term })
  state.becomeFollower(undefined, now)
}
