import { describe, expect, it } from 'vitest'
import { checkPhantomValues } from './phantom-values.ts'
import { append, create, executed, read, Story, saw, value, write } from './story.contract.ts'

function afterReading(...seen: ReturnType<typeof value>[]): readonly string[] {
  const story = new Story()
  story.tell(0, create('k', 'c', 'x'), executed(2))
  story.tell(0, create('j', 'cj', 'other'), executed(3))
  story.tell(0, append('k', 'y'), { type: 'info', reason: 'timeout' })
  story.tell(0, write('k', 5, 'w'), executed(4))
  for (const one of seen) story.tell(1, read('k'), saw(4, 2, 4, one))
  story.tell(0, append('k', 'later'), executed(5))
  return checkPhantomValues(story.history).violations
}

describe('values that are read', () => {
  it('were written by an operation, known or unknown, or by the one that created the document', () => {
    expect(afterReading(value(0, 'c', 'x'), value(5, 'w', 'x'), value(5, 'w', 'x', 'y'))).toEqual([])
  })

  it('are phantoms when nobody wrote them, or to another document, or only later', () => {
    expect(afterReading(value(5, 'ghost', 'x'))).toEqual([expect.stringMatching(/ghost/)])
    expect(afterReading(value(5, 'w', 'x', 'ghost'))).toEqual([expect.stringMatching(/ghost/)])
    expect(afterReading(value(5, 'w', 'other'))).toEqual([expect.stringMatching(/other/)])
    expect(afterReading(value(5, 'w', 'later'))).toEqual([expect.stringMatching(/later/)])
  })

  it('are torn when the number is not the one of its tag', () => {
    expect(afterReading(value(0, 'w', 'x'))).toEqual([expect.stringMatching(/read 0, but w wrote 5/)])
  })

  it('are doubled when an element is there twice', () => {
    expect(afterReading(value(5, 'w', 'x', 'x'))).toEqual([expect.stringMatching(/twice: x x/)])
  })
})
