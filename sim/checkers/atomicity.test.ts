import { describe, expect, it } from 'vitest'
import { accountKeys, accountSpace, moneyTotal } from '../accounts.ts'
import type { Action, SeenAccount } from '../history.ts'
import { checkAtomicity } from './atomicity.ts'
import { checkDurability } from './durability.ts'
import { checkPhantomValues } from './phantom-values.ts'
import { executed, Story, value } from './story.contract.ts'
import type { FinalState } from './types.ts'
import { checkBySearch } from './wgl.ts'

const each = moneyTotal / accountKeys.length
const opening: Action = {
  f: 'open',
  space: accountSpace,
  balances: accountKeys.map((key) => ({ key, n: each })),
  by: 'o',
}

/** All accounts as they were opened at 2, but for these. */
function seen(...changed: SeenAccount[]): SeenAccount[] {
  const known = new Map(changed.map((account) => [account.key, account]))
  return accountKeys.map((key) => known.get(key) ?? { key, version: 2, n: each })
}

function transfer(by: string, from: SeenAccount[], ...moves: [key: string, n: number][]): Action {
  return { f: 'transfer', space: accountSpace, seen: from, moves: moves.map(([key, n]) => ({ key, n })), by }
}

function begun(): Story {
  const story = new Story()
  story.change(0, story.register(), opening)
  return story
}

const moved = transfer('t', seen(), ['a0', each - 5], ['a1', each + 5])

/** What a server holds after the transfer, or after the first of its writes alone. */
function held(isTorn: boolean): FinalState {
  const documents = accountKeys.map((key, i) => {
    const [version, n, by] = i === 0 ? [3, each - 5, 't'] : i === 1 && !isTorn ? [3, each + 5, 't'] : [2, each, 'o']
    return { space: accountSpace, key, birth: 2, version, value: value(n, by) }
  })
  return { server: 'a', appliedIndex: 3, documents }
}

describe('a transaction of several documents', () => {
  it('is whole in the log, on servers, and for whoever read all accounts', () => {
    const story = begun()
    story.change(0, 1, moved)
    const [a0, a1] = [
      { key: 'a0', version: 3, n: each - 5 },
      { key: 'a1', version: 3, n: each + 5 },
    ]
    story.change(1, 1, transfer('u', seen(a0, a1), ['a2', each - 1], ['a3', each + 1]))
    const { violations, compared } = checkAtomicity({ ...story, finalStates: [held(false)] })
    expect(violations).toEqual([])
    expect(compared).toBe(4 + 1 + 2)
  })

  it('is seen to be torn by the one whose reads were all current', () => {
    const story = begun()
    story.change(0, 1, moved)
    const [a0, a1] = [
      { key: 'a0', version: 3, n: each - 5 },
      { key: 'a1', version: 2, n: each },
    ]
    story.tell(1, transfer('u', seen(a0, a1), ['a2', each - 1], ['a3', each + 1]), executed(4))
    expect(checkAtomicity({ ...story, finalStates: [] }).violations).toEqual([
      expect.stringMatching(/transfer .* saw 395 in all accounts at once/),
    ])
  })

  it('is seen to be torn on a server', () => {
    const story = begun()
    story.change(0, 1, moved)
    const torn = { ...story, finalStates: [held(true)] }
    expect(checkAtomicity(torn).violations).toEqual(['a has 395 in 4 accounts, not 400 in 4'])
    expect(checkDurability(torn).violations).toHaveLength(1)
  })

  it('that makes money is seen in the log', () => {
    const story = begun()
    story.change(0, 1, transfer('t', seen(), ['a0', each + 5], ['a1', each]))
    expect(checkAtomicity({ ...story, finalStates: [] }).violations).toEqual([
      'the log at 3 has 405 in 4 accounts, not 400 in 4',
    ])
  })

  it('takes part in the search and among what was written, document by document', () => {
    const story = begun()
    story.change(0, 1, moved)
    const reading = (key: string, version: number, n: number, by: string) =>
      story.tell(
        1,
        { f: 'read', space: accountSpace, key },
        { kind: 'document', index: 3, birth: 2, version, value: value(n, by) },
      )
    reading('a0', 3, each - 5, 't')
    reading('a1', 3, each + 5, 't')
    expect(checkBySearch(story).violations).toEqual([])
    expect(checkPhantomValues(story.history).violations).toEqual([])
    reading('a1', 2, each, 'o')
    expect(checkBySearch(story).violations).toEqual([expect.stringMatching(/no order explains .*a1/)])
    reading('a2', 2, each + 5, 't')
    expect(checkPhantomValues(story.history).violations).toEqual([expect.stringMatching(/read t, which nobody/)])
  })
})
