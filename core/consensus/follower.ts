import { assert } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { Index, ServerId } from '../wire/ids.ts'
import type { PeerMessage } from '../wire/message.ts'
import { cutRun, lastIndexOf, type Run } from '../wire/run.ts'
import { allMembers } from './members.ts'
import type { ReplicaState } from './replica-state.ts'

type Append = Extract<PeerMessage, { kind: 'append' }>
type Heartbeat = Extract<PeerMessage, { kind: 'heartbeat' }>

/** A leader of the current term spoke: whoever campaigned in it follows, and keeps its vote. */
export function hearLeader(state: ReplicaState, leader: ServerId, now: Millis): void {
  if (state.leader !== leader || state.role.kind !== 'follower') state.becomeFollower(leader, now)
  state.leaderHeardAt = now
  state.ledUntil = now
  state.electionAt = now + state.randomElectionMs()
}

export function onAppend(state: ReplicaState, from: ServerId, append: Append, now: Millis): void {
  if (!isSound(append)) return
  hearLeader(state, from, now)
  const agreed = agreedPrefix(state, append)
  if (agreed === undefined) reject(state, from, append)
  else accept(state, from, append, agreed)
}

export function onHeartbeat(state: ReplicaState, from: ServerId, heartbeat: Heartbeat, now: Millis): void {
  hearLeader(state, from, now)
  state.commitTo(Math.min(heartbeat.commit, state.log.lastIndex))
  endRepair(state, state.commit, Number.POSITIVE_INFINITY)
  if (heartbeat.round === 0) return
  const { term } = state
  state.sendWhenSworn(from, {
    kind: 'heartbeat-ack',
    term,
    round: heartbeat.round,
    repairing: state.damage !== undefined,
  })
}

/**
 * The leader died for certain: its connection closed and nobody answers at its address (R3). Campaigns soon, in an
 * order that the sorted voters give, and does not shield the dead leader from others' campaigns.
 */
export function onLeaderGone(state: ReplicaState, now: Millis): void {
  if (state.role.kind !== 'follower' || state.role.leader === undefined) return
  const rank = allMembers(state.members)
    .filter((id) => id !== state.leader)
    .indexOf(state.id)
  state.becomeFollower(undefined, now)
  state.leaderHeardAt = Number.NEGATIVE_INFINITY
  if (rank >= 0) state.rush = { at: now + rank * state.options.rankMs, until: now + state.options.rushMs }
}

/** Runs follow one another from `prevIndex` on, in terms that never fall and don't exceed the leader's. */
function isSound(append: Append): boolean {
  let index = append.prevIndex
  let term = append.prevTerm
  for (const run of append.runs) {
    if (run.firstIndex !== index + 1 || run.term < term || run.term > append.term) return false
    index = lastIndexOf(run)
    term = run.term
  }
  return true
}

/**
 * Where the append begins in this log: its `prevIndex` if both logs agree there, else undefined. What a snapshot covers
 * is committed, so it agrees.
 */
function agreedPrefix(state: ReplicaState, append: Append): Index | undefined {
  if (append.prevIndex < state.log.baseIndex) return append.prevIndex
  return state.log.termAt(append.prevIndex) === append.prevTerm ? append.prevIndex : undefined
}

function accept(state: ReplicaState, from: ServerId, append: Append, agreed: Index): void {
  let match = agreed
  for (const run of append.runs) {
    appendWhatIsNew(state, run)
    match = lastIndexOf(run)
  }
  state.commitTo(Math.min(append.commit, match))
  endRepair(state, match, append.last)
  acknowledge(state, from, append, match)
}

/** Entries that are already there stay: a delayed append must not cut off what a later one brought (akka-raft #66). */
function appendWhatIsNew(state: ReplicaState, run: Run): void {
  for (let index = Math.max(run.firstIndex, state.log.baseIndex + 1); index <= lastIndexOf(run); index++) {
    if (state.log.termAt(index) === run.term) continue
    state.appendRun(cutRun(run, index, lastIndexOf(run)))
    return
  }
}

/**
 * The log is whole again once it holds everything this server may have acknowledged: all that a leader of a later term
 * has committed, or, under the same leader, everything up to the last index it may have acknowledged to it, which is
 * none beyond `last`, where the leader's own log ends. (A message never reaches a later process than the one it was
 * sent to, so `last` is not older than this life.) `match`: how far the log is known to agree with the leader's.
 */
function endRepair(state: ReplicaState, match: Index, last: Index): void {
  const { damage } = state
  if (damage === undefined) return
  const isSameLeader = state.term === damage.term
  const isWhole = isSameLeader ? match >= Math.min(damage.upTo, last) : state.log.termAt(state.commit) === state.term
  if (isWhole) state.endRepair()
}

function acknowledge(state: ReplicaState, from: ServerId, append: Append, match: Index): void {
  assert(match <= state.log.lastIndex || match <= state.log.baseIndex, 'acknowledging more than the log holds')
  state.sendWhenStored(from, { ...ack(state, append), match, hintIndex: 0, hintTerm: 0 })
}

/**
 * Names the highest index at which the logs may agree, so that the leader skips a whole term a round (Raft paper, end
 * of section 5.3).
 */
function reject(state: ReplicaState, from: ServerId, append: Append): void {
  const hintIndex = state.log.lastAtMost(Math.min(append.prevIndex, state.log.lastIndex), append.prevTerm)
  const hintTerm = state.log.termAt(hintIndex) ?? 0
  state.sendWhenSworn(from, { ...ack(state, append), match: undefined, hintIndex, hintTerm })
}

function ack(state: ReplicaState, append: Append) {
  return {
    kind: 'append-ack',
    term: state.term,
    round: append.round,
    prevIndex: append.prevIndex,
    repairing: state.damage !== undefined,
    checkpoint: state.checkpoint,
    stateHash: state.stateHash,
  } as const
}
