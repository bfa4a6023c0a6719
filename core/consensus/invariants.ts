import { assert } from '../lib/assert.ts'
import type { Index, ServerId, Term } from '../wire/ids.ts'
import { isVoter } from './members.ts'
import type { ReplicaState } from './replica-state.ts'

/** What must hold between two moments of a replica's life, and what the checkers across servers compare. */
export interface ReplicaView {
  readonly role: 'follower' | 'candidate' | 'leader'
  readonly term: Term
  readonly votedFor: ServerId | undefined
  readonly commit: Index
  readonly first: Index
  readonly last: Index
  readonly durable: Index
  readonly members: Index
}

export function viewOf(state: ReplicaState): ReplicaView {
  return {
    role: state.role.kind,
    term: state.term,
    votedFor: state.votedFor,
    commit: state.commit,
    first: state.log.baseIndex + 1,
    last: state.log.lastIndex,
    durable: state.durableIndex,
    members: state.membersIndex,
  }
}

/** What must hold at any moment. */
export function checkReplica(state: ReplicaState): void {
  state.log.checkInvariants()
  assert(state.log.baseIndex <= state.commit, 'the log was compacted beyond what is committed')
  assert(state.commit <= state.log.lastIndex, 'more is committed than there is')
  assert(state.durableIndex <= state.log.lastIndex, 'more is durable than there is')
  assert(state.log.lastTerm <= state.term, 'an entry comes from a term to come')
  if (state.role.kind === 'leader') checkLeader(state)
  else if (state.role.kind === 'candidate') assert(state.canCampaign(), 'a candidate must be a sound voter')
}

/** What must hold between an earlier moment and a later one (LogCabin's delta invariants). */
export function checkStep(before: ReplicaView, after: ReplicaView): void {
  assert(after.term >= before.term, 'the term fell')
  if (after.term === before.term && before.votedFor !== undefined) {
    assert(after.votedFor === before.votedFor, 'the vote changed within a term')
  }
  assert(after.commit >= before.commit, 'the commit index fell')
  assert(after.first >= before.first, 'compacted entries came back')
  if (before.role === 'leader' && after.role === 'leader' && before.term === after.term) {
    assert(after.last >= before.last, 'a leader cut its own log')
  }
}

function checkLeader(state: ReplicaState): void {
  const role = state.role
  if (role.kind !== 'leader') return
  assert(
    role.noopIndex <= state.log.lastIndex || state.log.baseIndex >= role.noopIndex,
    'a leader has no entry of its own term',
  )
  assert(isVoter(state.members, state.id) || state.membersIndex > state.commit, 'a leader is no voter')
  for (const progress of role.progress.values()) {
    assert(progress.match < progress.next, 'a member is sent what it has')
    assert(progress.match <= state.log.lastIndex, 'a member has more than its leader')
    assert(progress.inflightBytes >= 0, 'negative bytes in flight')
  }
}
