import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ServerId } from '../wire/ids.ts'
import { idOf, membersOf } from './group.contract.ts'
import { countVotes, majorityOf, reachedByQuorum, type VoteResult } from './quorum.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
const half = fc.subarray(names, { minLength: 1, maxLength: 5 })
const oldHalf = fc.subarray(names, { maxLength: 5 })

/** Every set of voters that may decide: more than half of each half. */
function quorumsOf(halves: readonly (readonly string[])[]): string[][] {
  const subsets = Array.from({ length: 2 ** names.length }, (_, bits) => names.filter((_name, i) => (bits >> i) & 1))
  return subsets.filter((set) =>
    halves.every((each) => each.length === 0 || each.filter((name) => set.includes(name)).length * 2 > each.length),
  )
}

describe('quorums', () => {
  test('are majorities', () => {
    expect([1, 2, 3, 4, 5, 6, 7].map(majorityOf)).toEqual([1, 2, 2, 3, 3, 4, 4])
  })

  test('reach the highest value that all of some quorum have reached, in single and joint configurations', () => {
    const reach = fc.array(fc.nat(6), { minLength: 7, maxLength: 7 })
    fc.assert(
      fc.property(half, oldHalf, reach, (voters, outgoing, values) => {
        const reachOf = (name: string) => values[names.indexOf(name)] ?? 0
        const expected = Math.max(...quorumsOf([voters, outgoing]).map((set) => Math.min(...set.map(reachOf))))
        const actual = reachedByQuorum(membersOf(voters, [], outgoing), (id) => reachOf(id.slice(0, 1)))
        expect(actual).toBe(expected)
      }),
      { seed: 5, numRuns: 400 },
    )
  })

  test('decide a vote when no answer that is still missing can change it', () => {
    const vote = fc.constantFrom(true, false, undefined)
    const votes = fc.array(vote, { minLength: 7, maxLength: 7 })
    fc.assert(
      fc.property(half, oldHalf, votes, (voters, outgoing, cast) => {
        const quorums = quorumsOf([voters, outgoing])
        const voteOf = (name: string) => cast[names.indexOf(name)]
        const wins = quorums.some((set) => set.every((name) => voteOf(name) === true))
        const mayWin = quorums.some((set) => set.every((name) => voteOf(name) !== false))
        const expected: VoteResult = wins ? 'won' : mayWin ? 'pending' : 'lost'
        const members = membersOf(voters, [], outgoing)
        expect(countVotes(members, (id: ServerId) => voteOf(id.slice(0, 1)))).toBe(expected)
      }),
      { seed: 6, numRuns: 400 },
    )
  })

  test('of two configurations one step apart intersect, so that two leaders can never be elected side by side', () => {
    fc.assert(
      fc.property(half, half, (before, after) => {
        const joint = quorumsOf([after, before])
        for (const other of [quorumsOf([before]), quorumsOf([after]), joint])
          for (const set of joint) expect(other.every((each) => each.some((name) => set.includes(name)))).toBe(true)
      }),
      { seed: 7, numRuns: 15 },
    )
  })

  test('of nobody decide nothing', () => {
    const nobody = membersOf([])
    expect(reachedByQuorum(nobody, () => 5)).toBe(0)
    expect(countVotes(nobody, () => true)).toBe('lost')
    expect(countVotes(membersOf(['a']), (id) => id === idOf('a'))).toBe('won')
  })
})
