import { describe, expect, it } from 'vitest'
import { checkExactlyOnce } from './exactly-once.ts'
import { append, create, executed, held, holds, remove, Story, value } from './story.contract.ts'
import type { AppliedRequest } from './types.ts'

const once: AppliedRequest[] = [
  { server: 'a', index: 3, client: 1, number: 2 },
  { server: 'b', index: 3, client: 1, number: 2 },
  { server: 'a', index: 4, client: 1, number: 3 },
]

function withList(list: string[], extra?: (story: Story) => void, applied = once): readonly string[] {
  const story = new Story()
  story.tell(0, create('k', 'c', 'first'), executed(2))
  story.tell(0, append('k', 'sure'), executed(3))
  story.tell(0, append('k', 'perhaps'), { type: 'info', reason: 'timeout' })
  story.tell(0, append('k', 'never'), { type: 'fail', code: 'CANCELLED', index: 5 })
  extra?.(story)
  const finalStates = [holds('a', 5, held('k', 2, 4, value(0, 'c', ...list)))]
  return checkExactlyOnce({ history: story.history, applied, finalStates }).violations
}

describe('an effect', () => {
  it('is there once when acknowledged, at most once when unknown, and not when it failed', () => {
    expect(withList(['first', 'sure'])).toEqual([])
    expect(withList(['first', 'perhaps', 'sure'])).toEqual([])
  })

  it('is lost when an acknowledged element is missing', () => {
    expect(withList(['sure'])).toEqual([expect.stringMatching(/holds first 0 times/)])
    expect(withList(['first'])).toEqual([expect.stringMatching(/holds sure 0 times/)])
  })

  it('is doubled when an element is there twice', () => {
    expect(withList(['first', 'sure', 'sure'])).toEqual([expect.stringMatching(/holds sure 2 times/)])
    expect(withList(['first', 'sure', 'perhaps', 'perhaps'])).toEqual([expect.stringMatching(/perhaps 2 times/)])
  })

  it('is false when a failed operation left it', () => {
    expect(withList(['first', 'sure', 'never'])).toEqual([expect.stringMatching(/holds never 1 times.*which was fail/)])
  })

  it('may be gone with a document that someone deleted, but not doubled', () => {
    const deleting = (story: Story) => story.tell(1, remove('k'), { type: 'info', reason: 'timeout' })
    expect(withList([], deleting)).toEqual([])
    expect(withList(['sure', 'sure'], deleting)).toHaveLength(1)
    expect(withList([], (story) => story.tell(1, remove('k'), { type: 'fail', code: 'GONE', index: 6 }))).toHaveLength(
      2,
    )
  })

  it('is found when servers give one request two indexes', () => {
    const again = [...once, { server: 'a', index: 9, client: 1, number: 2 }]
    expect(withList(['first', 'sure'], undefined, again)).toEqual([
      'request 2 of client 1 took effect at 3 and, on a, at 9',
    ])
  })
})
