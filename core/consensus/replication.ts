import { must } from '../lib/assert.ts'
import type { Index, ServerId } from '../wire/ids.ts'
import { lastIndexOf, type Run } from '../wire/run.ts'
import type { Progress } from './progress.ts'
import type { LeaderRole, ReplicaState } from './replica-state.ts'

/**
 * Brings one member as far as its window allows; then tells the commit index and the read round, if no append carried
 * them.
 */
export function replicateTo(state: ReplicaState, role: LeaderRole, to: ServerId, progress: Progress): void {
  if (progress.state !== 'snapshot' && progress.next - 1 < state.log.baseIndex) needSnapshot(state, to, progress)
  else if (progress.state === 'probe') probe(state, role, to, progress)
  else if (progress.state === 'replicate') pipeline(state, role, to, progress)
  tell(state, role, to, progress)
}

function needSnapshot(state: ReplicaState, to: ServerId, progress: Progress): void {
  progress.becomeSnapshot()
  state.effects.push({ kind: 'need-snapshot', to })
}

/** One append at a time until the logs are known to agree somewhere. */
function probe(state: ReplicaState, role: LeaderRole, to: ServerId, progress: Progress): void {
  if (progress.probeSent) return
  progress.probeSent = true
  sendAppend(
    state,
    role,
    to,
    progress,
    state.log.slice(progress.next, state.log.lastIndex, state.options.appendBytesMax),
  )
}

/** Appends follow one another without waiting, within a window of messages and bytes. */
function pipeline(state: ReplicaState, role: LeaderRole, to: ServerId, progress: Progress): void {
  const { inflightMessagesMax, inflightBytesMax, appendBytesMax } = state.options
  let sent = false
  while (
    progress.next <= state.log.lastIndex &&
    progress.inflightMessages < inflightMessagesMax &&
    progress.inflightBytes < inflightBytesMax
  ) {
    const runs = state.log.slice(progress.next, state.log.lastIndex, appendBytesMax)
    sendAppend(state, role, to, progress, runs)
    progress.sent(lastIndexOf(runs.at(-1) as Run), bytesOf(runs))
    sent = true
  }
  // A window of lost appends would stall for ever: an empty one makes the member say what it lacks (etcd #14633).
  if (progress.nudged && !sent) sendAppend(state, role, to, progress, [])
  progress.nudged = false
}

function sendAppend(
  state: ReplicaState,
  role: LeaderRole,
  to: ServerId,
  progress: Progress,
  runs: readonly Run[],
): void {
  const prevIndex: Index = progress.next - 1
  const prevTerm = must(state.log.termAt(prevIndex), 'an append begins behind what is compacted')
  const { commit, term } = state
  progress.roundSent = role.round
  progress.commitSent = Math.max(progress.commitSent, commit)
  const last = state.log.lastIndex
  state.sendWhenSworn(to, { kind: 'append', term, prevIndex, prevTerm, commit, last, round: role.round, runs })
}

/** A heartbeat carries a commit index the member can't mistake: no further than where its log is known to agree. */
function tell(state: ReplicaState, role: LeaderRole, to: ServerId, progress: Progress): void {
  const commit = Math.min(progress.match, state.commit)
  const roundDue = progress.roundSent < role.round
  if (!roundDue && commit <= progress.commitSent) return
  progress.roundSent = role.round
  progress.commitSent = Math.max(progress.commitSent, commit)
  state.sendWhenSworn(to, { kind: 'heartbeat', term: state.term, commit, round: roundDue ? role.round : 0 })
}

function bytesOf(runs: readonly Run[]): number {
  return runs.reduce((sum, run) => sum + run.bytes.length, 0)
}
