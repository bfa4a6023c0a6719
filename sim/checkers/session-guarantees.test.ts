import { describe, expect, it } from 'vitest'
import { checkSessionGuarantees } from './session-guarantees.ts'
import { absent, append, create, executed, list, read, Story, saw, value, write } from './story.contract.ts'

const some = value(1, 'w')

function violations(story: Story): readonly string[] {
  return checkSessionGuarantees(story.history).violations
}

describe('session guarantees', () => {
  it('hold in a history that goes forward', () => {
    const story = new Story()
    story.tell(0, create('k', 'c'), executed(2))
    story.tell(0, read('k'), saw(2, 2, 2, some))
    story.tell(0, list(undefined, 5), { kind: 'listing', index: 2, version: 2, keys: ['k'], more: false })
    story.tell(1, write('k', 1, 'w'), executed(5))
    story.tell(0, read('k'), saw(4, 2, 2, some))
    story.tell(0, append('k', 'a'), executed(6))
    story.tell(0, read('j'), absent(6))
    story.tell(0, list(undefined, 5), { kind: 'listing', index: 9, version: 0, keys: [], more: false })
    const result = checkSessionGuarantees(story.history)
    expect(result.violations).toEqual([])
    expect(result.compared).toBeGreaterThan(20)
  })

  it('show a client that does not read its own write', () => {
    const story = new Story()
    story.tell(0, write('k', 1, 'w'), executed(5))
    story.tell(0, read('k'), saw(5, 2, 4, some))
    expect(violations(story)).toEqual([expect.stringMatching(/read your writes.*version 4 at 5, older than 5/)])
  })

  it('show a listing without the document that its client made', () => {
    const story = new Story()
    story.tell(0, create('k', 'c'), executed(5))
    story.tell(0, list(undefined, 5), { kind: 'listing', index: 5, version: 3, keys: ['a'], more: false })
    expect(violations(story)).toEqual([expect.stringMatching(/read your writes/)])
  })

  it('show a read that goes back, of a version and of an absence', () => {
    const story = new Story()
    story.tell(0, read('k'), saw(8, 2, 7, some))
    story.tell(0, read('k'), saw(8, 2, 6, some))
    story.tell(1, read('k'), absent(9))
    story.tell(1, read('k'), saw(9, 4, 5, some))
    expect(violations(story)).toEqual([
      expect.stringMatching(/monotonic reads.*version 6 at 8, older than 7/),
      expect.stringMatching(/monotonic reads.*version 5 at 9, older than 9/),
    ])
  })

  it('show a read of another document that goes back in the one history there is', () => {
    const story = new Story()
    story.tell(0, read('k'), saw(8, 2, 7, some))
    story.tell(0, read('j'), saw(6, 3, 3, some))
    expect(violations(story)).toEqual([expect.stringMatching(/monotonic reads.*at 6, older than 8/)])
  })

  it('show writes whose order is not the one they were asked in', () => {
    const story = new Story()
    const first = story.begin(0, write('k', 1, 'w1'), 7)
    const second = story.begin(1, write('k', 2, 'w2'), 7)
    story.end(second, { type: 'ok', observed: executed(3) })
    story.end(first, { type: 'ok', observed: executed(4) })
    expect(violations(story)).toEqual([expect.stringMatching(/monotonic writes/)])
  })

  it('show a write that stands before what its client had read', () => {
    const story = new Story()
    story.tell(0, read('k'), saw(8, 2, 7, some))
    story.tell(0, write('j', 1, 'w'), executed(8))
    expect(violations(story)).toEqual([expect.stringMatching(/writes follow reads/)])
  })

  it('show a version from the future', () => {
    const story = new Story()
    story.tell(0, read('k'), saw(8, 2, 9, some))
    expect(violations(story)).toEqual([expect.stringMatching(/future/)])
  })

  it('bind nobody to what was not over when the operation began, nor to other clients', () => {
    const story = new Story()
    const reading = story.begin(1, read('k'), 7)
    story.end(story.begin(0, write('k', 1, 'w'), 7), { type: 'ok', observed: executed(5) })
    story.end(reading, { type: 'ok', observed: saw(4, 2, 2, some) })
    story.tell(2, read('k'), saw(3, 2, 2, some))
    expect(violations(story)).toEqual([])
  })
})
