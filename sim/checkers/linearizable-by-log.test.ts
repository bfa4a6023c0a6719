import { describe, expect, it } from 'vitest'
import type { ClientIndex } from '../../core/wire/ids.ts'
import type { Action } from '../history.ts'
import { checkLinearizableByLog } from './linearizable-by-log.ts'
import {
  absent,
  append,
  cas,
  create,
  executed,
  list,
  read,
  remove,
  Story,
  saw,
  space,
  value,
  write,
} from './story.contract.ts'

function violations(story: Story): readonly string[] {
  return checkLinearizableByLog(story).violations
}

/** A client (1), a document born at 2 and written at 3. */
function begun(): Story {
  const story = new Story()
  const client = story.register()
  story.change(0, client, create('k', 'c1', 'x'))
  story.change(0, client, write('k', 5, 'w1'))
  return story
}

describe('a clean history', () => {
  it('passes with every kind of operation and ending, and says how much it compared', () => {
    const story = begun()
    story.tell(1, read('k'), saw(3, 2, 3, value(5, 'w1', 'x')))
    story.tell(1, read('none'), absent(3))
    story.change(0, 1, append('k', 'y'))
    story.change(0, 1, cas('k', 4, 6, 'w2'))
    story.tell(1, read('k'), saw(5, 2, 5, value(6, 'w2', 'x', 'y')))
    const stale = story.begin(2, cas('k', 4, 7, 'w3'))
    const staleIndex = story.request(1, cas('k', 4, 7, 'w3'))
    story.end(stale, { type: 'fail', code: 'CONFLICT', index: staleIndex })
    story.change(0, 1, create('j', 'c2'))
    story.tell(1, list(undefined, 1), { kind: 'listing', index: 7, version: 7, keys: ['j'], more: true })
    story.tell(1, list('j', 9), { kind: 'listing', index: 7, version: 7, keys: ['k'], more: false })
    story.change(0, 1, remove('k', 'd1'))
    story.tell(1, list(undefined, 9), { kind: 'listing', index: 8, version: 8, keys: ['j'], more: false })
    story.change(0, 1, remove('j'))
    story.tell(1, list(undefined, 9), { kind: 'listing', index: 9, version: 0, keys: [], more: false })
    story.tell(3, write('k', 9, 'w9'), { type: 'fail', code: 'CLOSED', index: undefined })
    const { compared, violations: found } = checkLinearizableByLog(story)
    expect(found).toEqual([])
    expect(compared).toBeGreaterThan(30)
  })

  it('passes when unknown operations happened, or did not, or never ended', () => {
    const story = begun()
    const lost = story.begin(1, write('k', 6, 'w2'))
    story.end(lost, { type: 'info', reason: 'timeout' })
    const late = story.begin(1, write('k', 7, 'w3'))
    story.end(late, { type: 'info', reason: 'timeout' })
    story.tell(2, read('k'), saw(3, 2, 3, value(5, 'w1', 'x')))
    const index = story.request(1, write('k', 7, 'w3'))
    story.begin(1, write('k', 8, 'w4'))
    story.tell(2, read('k'), saw(index, 2, index, value(7, 'w3', 'x')))
    expect(violations(story)).toEqual([])
  })

  it('passes when a repeated request had no effect and its answer names the first index', () => {
    const story = begun()
    const id = story.begin(0, append('k', 'y'))
    const index = story.request(1, append('k', 'y'), 3)
    story.request(1, append('k', 'y'), 3)
    story.request(1, append('k', 'y'), 9)
    story.end(id, { type: 'ok', observed: executed(index) })
    story.tell(1, read('k'), saw(6, 2, index, value(5, 'w1', 'x', 'y')))
    expect(violations(story)).toEqual([])
  })

  it('passes when a cancel took the place of a request', () => {
    const story = begun()
    const id = story.begin(0, append('k', 'y'))
    const index = story.commit({
      kind: 'request',
      client: 1 as ClientIndex,
      number: 3,
      ackedBelow: 1,
      body: { kind: 'cancel' },
    })
    story.request(1, append('k', 'y'), 3)
    story.end(id, { type: 'fail', code: 'CANCELLED', index })
    story.tell(1, read('k'), saw(5, 2, 3, value(5, 'w1', 'x')))
    expect(violations(story)).toEqual([])
  })
})

describe('a broken history', () => {
  it('shows a read of a value that the log does not have there', () => {
    const story = begun()
    story.tell(1, read('k'), saw(3, 2, 3, value(6, 'w1', 'x')))
    story.tell(1, read('k'), saw(3, 2, 2, value(5, 'w1', 'x')))
    story.tell(1, read('k'), saw(3, 2, 3, value(5, 'w1')))
    story.tell(1, read('k'), absent(3))
    story.tell(1, read('none'), saw(3, 2, 3, value(5, 'w1', 'x')))
    story.tell(1, list(undefined, 9), { kind: 'listing', index: 3, version: 2, keys: [], more: false })
    story.tell(1, list(undefined, 9), { kind: 'listing', index: 3, version: 3, keys: ['k'], more: false })
    story.tell(1, list(undefined, 9), { kind: 'listing', index: 3, version: 2, keys: ['k'], more: true })
    expect(violations(story)).toHaveLength(8)
    expect(violations(story)[0]).toMatch(/saw .*"n":6.* not .*"n":5/)
  })

  it('shows a stale read: right for its index, too late for real time', () => {
    const story = begun()
    story.tell(1, read('k'), saw(2, 2, 2, value(0, 'c1', 'x')))
    const found = violations(story)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(/^operation 2 .* stands at 2, before operation 1 .* at 3, which had ended$/)
  })

  it('accepts a read of the older value while the write is under way', () => {
    const story = begun()
    const reading = story.begin(1, read('k'))
    story.change(0, 1, write('k', 6, 'w2'))
    story.end(reading, { type: 'ok', observed: saw(3, 2, 3, value(5, 'w1', 'x')) })
    expect(violations(story)).toEqual([])
  })

  it('shows two changes whose order in the log contradicts their order in time', () => {
    const story = begun()
    const first = story.request(1, write('k', 6, 'w2'))
    const second = story.request(1, write('k', 7, 'w3'))
    story.tell(1, write('k', 7, 'w3'), executed(second))
    story.tell(1, write('k', 6, 'w2'), executed(first))
    expect(violations(story)).toHaveLength(1)
    expect(violations(story)[0]).toMatch(/had ended/)
  })

  it('shows an acknowledged change that the log does not hold, or holds as refused, or elsewhere', () => {
    const story = begun()
    story.tell(1, write('k', 6, 'lost'), executed(3))
    story.tell(1, write('k', 6, 'beyond'), executed(99))
    story.tell(1, write('gone', 6, 'refused'), executed(story.request(1, write('gone', 6, 'refused'))))
    const moved = story.request(1, write('k', 8, 'moved'))
    story.tell(1, write('k', 8, 'moved'), executed(moved - 1))
    expect(violations(story).filter((text) => text.includes('was told executed'))).toHaveLength(4)
  })

  it('shows a change that was reported as failed and executed all the same', () => {
    const story = begun()
    story.request(1, write('k', 6, 'w2'))
    story.tell(1, write('k', 6, 'w2'), { type: 'fail', code: 'TIMEOUT', index: undefined })
    expect(violations(story)[0]).toMatch(/failed with TIMEOUT and was executed at 4/)
  })

  it('shows a refusal with another reason than the log gives', () => {
    const story = begun()
    const index = story.request(1, create('k', 'c2'))
    story.tell(1, create('k', 'c2'), { type: 'fail', code: 'GONE', index })
    story.tell(1, create('k', 'c3'), { type: 'fail', code: 'EXISTS', index })
    expect(violations(story)).toHaveLength(2)
    expect(violations(story)[0]).toMatch(/told GONE at 4; there the log makes it EXISTS/)
  })

  it('shows one operation that was executed as two requests', () => {
    const story = begun()
    const other = story.register()
    story.begin(1, append('k', 'y'))
    story.request(1, append('k', 'y'))
    story.request(other, append('k', 'y'))
    expect(violations(story)).toEqual([expect.stringMatching(/was executed at 5,6/)])
  })

  it('shows entries that nobody asked for, that no workload writes, and a gap', () => {
    const story = begun()
    story.request(1, write('k', 6, 'nobody'))
    story.commitPayload(Uint8Array.of(255, 1, 2))
    expect(violations(story)).toEqual([
      expect.stringMatching(/entry 5: its payload is no command/),
      expect.stringMatching(/entry 4 writes nobody, which nobody asked for/),
    ])
    story.log.splice(2, 1)
    expect(violations(story)).toEqual(['the log has a gap'])
  })

  it('shows a read from beyond the log', () => {
    const story = begun()
    story.tell(1, read('k'), saw(9, 2, 3, value(5, 'w1', 'x')))
    expect(violations(story)).toEqual([expect.stringMatching(/beyond the log's end/)])
  })

  it('shows an expired client whose request was executed', () => {
    const story = begun()
    story.commit({ kind: 'expire', clients: [{ client: 1 as ClientIndex, touch: 1 }] })
    story.change(0, 1, append('k', 'y'))
    expect(violations(story)).toEqual([])
    story.commit({ kind: 'expire', clients: [{ client: 1 as ClientIndex, touch: 3 }] })
    story.change(0, 1, append('k', 'z'))
    expect(violations(story)).toEqual([expect.stringMatching(/was told executed at 7; there the log makes it absent/)])
  })

  it('knows that a transaction is all or nothing', () => {
    const story = begun()
    const index = story.commit({
      kind: 'request',
      client: 1 as ClientIndex,
      number: 3,
      ackedBelow: 1,
      body: {
        kind: 'transaction',
        after: [7],
        reads: [],
        writes: [{ kind: 'delete', space, key: 'k', birth: 0 }],
      },
    })
    story.tell(0, remove('k'), { type: 'fail', code: 'NOT_AFTER', index })
    const opening: Action = { f: 'open', space, by: 'o', balances: ['j', 'k'].map((key) => ({ key, n: 1 })) }
    const torn = story.request(1, opening, 4)
    story.tell(0, opening, { type: 'fail', code: 'EXISTS', index: torn })
    story.tell(1, read('j'), absent(5))
    story.tell(1, read('k'), saw(5, 2, 3, value(5, 'w1', 'x')))
    expect(violations(story)).toEqual([])
  })
  it('shows an increment with another result than the log gives', () => {
    const told = (sum: number) => {
      const story = begun()
      const adding: Action = { f: 'increment', space, key: 'k', amount: 3, by: 'i' }
      story.tell(0, adding, { kind: 'executed', index: story.request(1, adding), sum })
      return violations(story)
    }
    expect(told(8)).toEqual([])
    expect(told(9)).toEqual([expect.stringMatching(/was told executed with 9 at 4; .* makes it executed with 8/)])
  })

  it('shows a request that was executed without the one it builds on', () => {
    const story = begun()
    story.tell(2, append('k', 'lost'), { type: 'info', reason: 'timeout' })
    const building: Action = { f: 'append', space, key: 'k', element: 'y', after: story.history.operations.length - 1 }
    story.change(0, 1, building)
    expect(violations(story)).toEqual([expect.stringMatching(/executed at 4, without operation \d+ before it/)])
  })

  it('shows a change of another birth than its client named', () => {
    const story = begun()
    const index = story.request(1, append('k', 'y'))
    story.tell(0, { f: 'append', space, key: 'k', birth: 1, element: 'y' }, executed(index))
    expect(violations(story)).toEqual([expect.stringMatching(/makes it absent/)])
  })
})
