import { describe, expect, test } from 'vitest'
import { Progress } from './progress.ts'

function view({ state, match, next, inflightMessages, inflightBytes }: Progress): unknown[] {
  return [state, match, next, inflightMessages, inflightBytes]
}

describe('what a leader knows of a member', () => {
  test('begins with a probe behind the end of the log', () => {
    expect(view(new Progress(11, 0))).toEqual(['probe', 0, 11, 0, 0])
  })

  test('frees the window as far as the member confirmed, in whatever order confirmations come', () => {
    const progress = new Progress(1, 0)
    progress.becomeReplicate()
    for (const upTo of [2, 4, 6]) progress.sent(upTo, 10)
    expect(view(progress)).toEqual(['replicate', 0, 7, 3, 30])
    expect(progress.accept(4)).toBe(true)
    expect(view(progress)).toEqual(['replicate', 4, 7, 1, 10])
    expect(progress.accept(2)).toBe(false)
    expect(progress.accept(5)).toBe(true)
    expect(view(progress)).toEqual(['replicate', 5, 7, 1, 10])
    expect(progress.accept(6)).toBe(true)
    expect(view(progress)).toEqual(['replicate', 6, 7, 0, 0])
  })

  test('goes on behind what a member turns out to have', () => {
    const progress = new Progress(3, 0)
    expect(progress.accept(8)).toBe(true)
    expect(view(progress)).toEqual(['probe', 8, 9, 0, 0])
  })

  test('empties the window when what was sent may be lost, and never probes at or below the match', () => {
    const progress = new Progress(5, 0)
    progress.accept(4)
    progress.becomeReplicate()
    progress.sent(9, 100)
    progress.becomeProbe(2)
    expect(view(progress)).toEqual(['probe', 4, 5, 0, 0])
    progress.becomeSnapshot()
    expect(view(progress)).toEqual(['snapshot', 4, 5, 0, 0])
  })

  test('forgets the match of a member that lost its log, and tells it the commit index anew', () => {
    const progress = new Progress(5, 0)
    progress.accept(9)
    progress.commitSent = 9
    progress.forget(3)
    expect(view(progress)).toEqual(['probe', 0, 3, 0, 0])
    expect(progress.commitSent).toBe(0)
  })
})
