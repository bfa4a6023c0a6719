import { describe, expect, it } from 'vitest'
import { checkDurability } from './durability.ts'
import { append, create, executed, held, holds, read, Story, saw, value, write } from './story.contract.ts'
import type { FinalState } from './types.ts'

const whole = held('k', 2, 4, value(5, 'w', 'x', 'y'))

function begun(): Story {
  const story = new Story()
  const client = story.register()
  story.change(0, client, create('k', 'c', 'x'))
  story.change(0, client, write('k', 5, 'w'))
  story.change(0, client, append('k', 'y'))
  return story
}

function violations(story: Story, ...finalStates: FinalState[]): readonly string[] {
  return checkDurability({ history: story.history, log: story.log, finalStates }).violations
}

describe('durability', () => {
  it('holds when every server has every acknowledged change', () => {
    expect(violations(begun(), holds('a', 4, whole), holds('b', 4, whole))).toEqual([])
  })

  it('holds for servers that applied different lengths of a log that went on without acknowledgement', () => {
    const story = begun()
    story.request(1, write('k', 6, 'late'))
    const later = held('k', 2, 5, value(6, 'late', 'x', 'y'))
    expect(violations(story, holds('a', 5, later), holds('b', 4, whole))).toEqual([])
  })

  it('is broken by a log that lost an acknowledged change, or has another in its place', () => {
    const story = begun()
    story.log.pop()
    expect(violations(story)).toEqual([expect.stringMatching(/append.* is gone from entry 4/)])
    story.request(1, write('j', 1, 'other'), 3)
    expect(violations(story)).toHaveLength(1)
  })

  it('is broken by a server that did not apply what was acknowledged, be it only to a reader', () => {
    const before = held('k', 2, 3, value(5, 'w', 'x'))
    expect(violations(begun(), holds('a', 3, before))).toEqual([expect.stringMatching(/a applied 3/)])
    const story = begun()
    story.log.push({ index: 5, term: 1, stampMs: 5, kind: 'noop', payload: new Uint8Array(0), hash: 0 })
    story.tell(1, read('k'), saw(5, 2, 4, whole.value))
    expect(violations(story, holds('a', 4, whole))).toEqual([expect.stringMatching(/a applied 4/)])
    expect(violations(story, holds('a', 5, whole))).toEqual([])
  })

  it('is broken by a server that holds another value, no document, one too many, or one twice', () => {
    const story = begun()
    expect(violations(story, holds('a', 4, held('k', 2, 4, value(5, 'w', 'x'))))).toHaveLength(1)
    expect(violations(story, holds('a', 4, held('k', 2, 3, whole.value)))).toHaveLength(1)
    expect(violations(story, holds('a', 4))).toHaveLength(1)
    expect(violations(story, holds('a', 4, whole, held('j', 3, 3, value(0, 'c'))))).toHaveLength(1)
    expect(violations(story, holds('a', 4, whole, whole))).toEqual(['a holds a document twice'])
  })

  it('does not count failed and unknown changes', () => {
    const story = begun()
    story.tell(1, write('k', 7, 'w7'), { type: 'info', reason: 'timeout' })
    story.tell(2, write('k', 8, 'w8'), { type: 'fail', code: 'CLOSED', index: undefined })
    story.tell(3, read('k'), executed(4))
    expect(violations(story, holds('a', 4, whole))).toEqual([])
  })
})
