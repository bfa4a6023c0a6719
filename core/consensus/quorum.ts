import type { ServerId } from '../wire/ids.ts'
import type { Members } from './members.ts'

export type VoteResult = 'won' | 'lost' | 'pending'

/** How many of `count` servers make a majority. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/**
 * The largest value that a quorum has reached: of each half of the configuration the majority-th largest, and of those
 * the smaller.
 * Sorted afresh each time: there are at most a handful of voters, and an incremental structure once lost its order
 * elsewhere.
 */
export function reachedByQuorum(members: Members, reachOf: (id: ServerId) => number): number {
  const incoming = reachedByMajority(members.voters, reachOf)
  if (members.outgoing.length === 0) return incoming
  return Math.min(incoming, reachedByMajority(members.outgoing, reachOf))
}

/** What the votes decide so far; undefined means that the voter has not answered. */
export function countVotes(members: Members, voteOf: (id: ServerId) => boolean | undefined): VoteResult {
  const incoming = countHalf(members.voters, voteOf)
  if (members.outgoing.length === 0) return incoming
  const outgoing = countHalf(members.outgoing, voteOf)
  if (incoming === 'lost' || outgoing === 'lost') return 'lost'
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending'
}

function reachedByMajority(voters: readonly ServerId[], reachOf: (id: ServerId) => number): number {
  if (voters.length === 0) return 0
  const values: number[] = []
  for (const voter of voters) insertDescending(values, reachOf(voter))
  return values[majorityOf(voters.length) - 1] as number
}

function insertDescending(values: number[], value: number): void {
  let at = values.length
  for (; at > 0 && (values[at - 1] as number) < value; at--) values[at] = values[at - 1] as number
  values[at] = value
}

function countHalf(voters: readonly ServerId[], voteOf: (id: ServerId) => boolean | undefined): VoteResult {
  let granted = 0
  let refused = 0
  for (const id of voters) {
    const vote = voteOf(id)
    if (vote === true) granted++
    else if (vote === false) refused++
  }
  if (granted >= majorityOf(voters.length)) return 'won'
  return voters.length - refused < majorityOf(voters.length) ? 'lost' : 'pending'
}
