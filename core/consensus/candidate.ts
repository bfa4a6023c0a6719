import type { Millis } from '../machine.ts'
import type { ServerId } from '../wire/ids.ts'
import type { PeerMessage } from '../wire/message.ts'
import { becomeLeader } from './leader.ts'
import { countVotes, type VoteResult } from './quorum.ts'
import type { CandidateRole, ReplicaState } from './replica-state.ts'

type Vote = Extract<PeerMessage, { kind: 'vote' }>
type VoteReply = Extract<PeerMessage, { kind: 'vote-reply' }>

/** Asks first whether an election could be won (PreVote), unless there is nobody to ask. */
export function startCampaign(state: ReplicaState, now: Millis): void {
  if (!state.canCampaign()) return
  if (campaignAsks(state).length === 0) campaign(state, false, now)
  else
    becomeCandidate(state, { kind: 'candidate', pre: true, transfer: false, votes: new Map([[state.id, true]]) }, now)
}

/** Stands for election in the next term. The own vote counts only once it is durable, like any other. */
export function campaign(state: ReplicaState, transfer: boolean, now: Millis): void {
  if (!state.canCampaign()) return
  state.enterTerm(state.term + 1, state.id)
  becomeCandidate(state, { kind: 'candidate', pre: false, transfer, votes: new Map() }, now)
  countOwnVote(state, now)
}

/** To be called whenever storage progressed: the vote for oneself is durable then. */
export function countOwnVote(state: ReplicaState, now: Millis): void {
  const role = state.role
  if (role.kind !== 'candidate' || role.pre || role.votes.has(state.id)) return
  if (!state.isSworn) return
  role.votes.set(state.id, true)
  decide(state, role, now)
}

export function onVoteReply(state: ReplicaState, from: ServerId, reply: VoteReply, now: Millis): void {
  const role = state.role
  if (role.kind !== 'candidate' || role.pre !== reply.pre) return
  if (reply.granted && reply.term !== (role.pre ? state.term + 1 : state.term)) return
  if (!role.votes.has(from)) role.votes.set(from, reply.granted)
  decide(state, role, now)
}

/**
 * Answers a request for a vote, whatever this server's own role (a voter may not know yet that it is one; etcd #10998).
 */
export function onVote(state: ReplicaState, from: ServerId, vote: Vote, now: Millis): void {
  const granted =
    state.damage === undefined &&
    isUpToDate(state, vote) &&
    (vote.pre ? vote.term > state.term : mayVoteFor(state, from, vote))
  if (granted && !vote.pre) {
    if (state.votedFor === undefined) state.enterTerm(state.term, from)
    state.electionAt = now + state.randomElectionMs()
  }
  const term = granted && vote.pre ? vote.term : state.term
  state.sendWhenSworn(from, { kind: 'vote-reply', term, pre: vote.pre, granted })
}

function mayVoteFor(state: ReplicaState, from: ServerId, vote: Vote): boolean {
  return vote.term === state.term && (state.votedFor === undefined || state.votedFor === from)
}

/** Raft paper, section 5.4.1: the later last term wins, and only for equal terms the longer log. */
function isUpToDate(state: ReplicaState, vote: Vote): boolean {
  if (vote.lastTerm !== state.log.lastTerm) return vote.lastTerm > state.log.lastTerm
  return vote.lastIndex >= state.log.lastIndex
}

function becomeCandidate(state: ReplicaState, role: CandidateRole, now: Millis): void {
  state.role = role
  state.electionAt = now + (state.rush === undefined ? state.randomElectionMs() : 25 + state.prng.below(51))
  state.effects.push({ kind: 'role' })
  const vote: PeerMessage = {
    kind: 'vote',
    term: role.pre ? state.term + 1 : state.term,
    pre: role.pre,
    transfer: role.transfer,
    lastIndex: state.log.lastIndex,
    lastTerm: state.log.lastTerm,
  }
  for (const id of campaignAsks(state)) state.sendWhenSworn(id, vote)
}

function decide(state: ReplicaState, role: CandidateRole, now: Millis): void {
  const result: VoteResult = countVotes(state.members, (id) => role.votes.get(id))
  if (result === 'won') {
    if (role.pre) campaign(state, false, now)
    else becomeLeader(state, now)
  } else if (result === 'lost') {
    const { electionAt } = state
    state.becomeFollower(undefined, now)
    state.electionAt = electionAt
  }
}

function campaignAsks(state: ReplicaState): readonly ServerId[] {
  return [...new Set([...state.members.voters, ...state.members.outgoing])].filter((id) => id !== state.id).sort()
}
