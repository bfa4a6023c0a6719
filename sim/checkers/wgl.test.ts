import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Action, History, type Observation, type Operation } from '../history.ts'
import { createDice } from '../prng.ts'
import { type KeyState, RegisterModel } from './register-model.ts'
import {
  absent,
  append,
  cas,
  create,
  executed,
  read,
  remove,
  Story,
  saw,
  space,
  value,
  write,
} from './story.contract.ts'
import { checkBySearch } from './wgl.ts'

function verdict(story: Story): string {
  return checkBySearch(story).verdict
}

/** The document `k`, born at 2 with the tag `c`. */
function begun(): Story {
  const story = new Story()
  story.tell(0, create('k', 'c', 'x'), executed(2))
  return story
}

const first = saw(2, 2, 2, value(0, 'c', 'x'))

describe('search finds an order', () => {
  it('for operations one after another and at once, failed and unknown ones', () => {
    const story = begun()
    const reading = story.begin(1, read('k'))
    const lost = story.begin(2, write('k', 7, 'lost'))
    story.tell(0, write('k', 5, 'w'), executed(3))
    story.end(reading, { type: 'ok', observed: first })
    story.end(lost, { type: 'info', reason: 'timeout' })
    story.tell(0, cas('k', 3, 6, 'w2'), executed(4))
    story.tell(1, cas('k', 3, 6, 'w3'), { type: 'fail', code: 'CONFLICT', index: 5 })
    story.tell(1, read('k'), saw(5, 2, 6, value(7, 'lost', 'x')))
    story.tell(0, append('k', 'y'), executed(7))
    story.tell(0, create('k', 'c2'), { type: 'fail', code: 'EXISTS', index: 8 })
    story.tell(0, write('k', 9, 'w9'), { type: 'fail', code: 'CLOSED', index: undefined })
    story.tell(1, read('k'), saw(8, 2, 7, value(7, 'lost', 'x', 'y')))
    story.tell(0, remove('k'), executed(9))
    story.tell(1, read('k'), absent(9))
    story.tell(1, append('k', 'z'), { type: 'fail', code: 'GONE', index: 10 })
    story.tell(1, read('j'), absent(9))
    const result = checkBySearch(story)
    expect(result).toMatchObject({ verdict: 'ok', violations: [], undecided: [], compared: 2 })
  })

  it('where an unknown operation takes effect long after its client gave up, or never', () => {
    const story = begun()
    story.tell(1, write('k', 7, 'late'), { type: 'info', reason: 'timeout' })
    story.tell(0, read('k'), first)
    story.tell(0, write('k', 5, 'w'), executed(3))
    story.tell(0, read('k'), saw(4, 2, 4, value(7, 'late', 'x')))
    expect(verdict(story)).toBe('ok')
  })

  it('for a cas on the version that an unknown write had', () => {
    const story = begun()
    story.tell(1, write('k', 7, 'late'), { type: 'info', reason: 'timeout' })
    story.tell(0, cas('k', 3, 8, 'w'), executed(4))
    expect(verdict(story)).toBe('ok')
    story.tell(0, cas('k', 2, 9, 'w2'), executed(5))
    expect(verdict(story)).toBe('violated')
  })
})

describe('search finds that there is no order', () => {
  it('for a stale read, and names where it stops', () => {
    const story = begun()
    story.tell(0, write('k', 5, 'w'), executed(3))
    story.tell(1, read('k'), first)
    const result = checkBySearch(story)
    expect(result.verdict).toBe('violated')
    expect(result.violations).toEqual([expect.stringMatching(/no order explains \["s","k"\].* 2 of 3 .*operation 2/)])
  })

  it('for reads that go back while a write is under way', () => {
    const story = begun()
    story.begin(0, write('k', 5, 'w'))
    story.tell(1, read('k'), saw(3, 2, 3, value(5, 'w', 'x')))
    story.tell(2, read('k'), first)
    expect(verdict(story)).toBe('violated')
  })

  it('for a lost append, a doubled one, and one that failed', () => {
    const lost = begun()
    lost.tell(0, append('k', 'y'), executed(3))
    lost.tell(1, append('k', 'z'), executed(4))
    lost.tell(1, read('k'), saw(4, 2, 4, value(0, 'c', 'x', 'z')))
    expect(verdict(lost)).toBe('violated')
    const doubled = begun()
    doubled.tell(0, append('k', 'y'), executed(3))
    doubled.tell(1, read('k'), saw(4, 2, 4, value(0, 'c', 'x', 'y', 'y')))
    expect(verdict(doubled)).toBe('violated')
    const failed = begun()
    failed.tell(0, append('k', 'y'), { type: 'fail', code: 'CLOSED', index: undefined })
    failed.tell(1, read('k'), saw(4, 2, 4, value(0, 'c', 'x', 'y')))
    expect(verdict(failed)).toBe('violated')
  })

  it('for two cas operations that both won on one version', () => {
    const story = begun()
    const one = story.begin(0, cas('k', 2, 1, 'w1'))
    const other = story.begin(1, cas('k', 2, 2, 'w2'))
    story.end(one, { type: 'ok', observed: executed(3) })
    story.end(other, { type: 'ok', observed: executed(4) })
    expect(verdict(story)).toBe('violated')
  })

  it('for refusals that were not due', () => {
    for (const [action, code] of [
      [cas('k', 2, 1, 'w'), 'CONFLICT'],
      [write('k', 1, 'w'), 'GONE'],
      [create('j', 'cj'), 'EXISTS'],
    ] as const) {
      const story = begun()
      story.tell(1, action, { type: 'fail', code, index: 3 })
      expect(verdict(story)).toBe('violated')
    }
  })

  it('for a document that comes back after it was deleted', () => {
    const story = begun()
    story.tell(0, remove('k', 'd'), executed(3))
    story.tell(1, read('k'), first)
    expect(verdict(story)).toBe('violated')
  })
})

describe('search', () => {
  it('says unknown when it takes too many steps, and looks only where it is told to', () => {
    const story = begun()
    story.tell(0, write('k', 5, 'w'), executed(3))
    story.tell(1, read('k'), first)
    expect(checkBySearch({ history: story.history, stepsMax: 2 })).toMatchObject({
      verdict: 'unknown',
      undecided: ['["s","k"]'],
      violations: [],
    })
    expect(checkBySearch({ history: story.history, places: new Set(['["s","j"]']) })).toMatchObject({
      verdict: 'ok',
      compared: 0,
    })
  })

  it('agrees with trying every order of every choice of operations', () => {
    const small = fc.array(
      fc.record({
        kind: fc.constantFrom('read c', 'read w', 'absent', 'write', 'lost write', 'create', 'delete', 'gone', 'cas'),
        fromUs: fc.nat(12),
        forUs: fc.nat(8),
      }),
      { minLength: 3, maxLength: 5 },
    )
    const seen = new Set<string>()
    fc.assert(
      fc.property(small, (drafts) => {
        const history = smallHistory(drafts)
        const found = checkBySearch({ history }).verdict
        seen.add(found)
        expect(found).toBe(hasOrder(history.operations) ? 'ok' : 'violated')
      }),
      { seed: 4, numRuns: 1500 },
    )
    expect([...seen].sort()).toEqual(['ok', 'violated'])
  })

  it('accepts long histories of an atomic document, and finds planted stale reads', () => {
    const honest = atomicRun('honest', 2000, 8)
    expect(checkBySearch({ history: honest })).toMatchObject({ verdict: 'ok', compared: 1 })
    expect(checkBySearch({ history: atomicRun('honest', 2000, 8, 1500) })).toMatchObject({ verdict: 'violated' })
  })
})

interface Draft {
  readonly kind: string
  readonly fromUs: number
  readonly forUs: number
}

/** One worker per operation, so that any of them may overlap. */
function smallHistory(drafts: readonly Draft[]): History {
  const history = new History(drafts.length)
  const sorted = [...drafts].sort((a, b) => a.fromUs - b.fromUs)
  const ids = sorted.map(({ kind, fromUs }, i) => history.invoke(i, i, draftAction(kind, i), fromUs))
  sorted.forEach(({ kind, fromUs, forUs }, i) => {
    const atUs = fromUs + forUs
    const id = ids[i] as number
    if (kind === 'lost write') history.end(id, atUs, { type: 'info', reason: '' })
    else if (kind === 'gone') history.end(id, atUs, { type: 'fail', code: 'GONE', index: 50 + i })
    else history.end(id, atUs, { type: 'ok', observed: draftSeen(kind, i) })
  })
  return history
}

function draftAction(kind: string, i: number): Action {
  if (kind === 'create') return create('k', 'c')
  if (kind === 'delete') return remove('k')
  if (kind === 'cas') return cas('k', 11, 2, 'w')
  return kind === 'write' || kind === 'lost write' || kind === 'gone' ? write('k', 1 + (i % 2), 'w') : read('k')
}

function draftSeen(kind: string, i: number): Observation {
  if (kind === 'read c') return saw(9, 1, 1, value(0, 'c'))
  if (kind === 'read w') return saw(9, 1, 1, value(1, 'w'))
  return kind === 'absent' ? absent(9) : executed(10 + i)
}

/** Tries every order of all operations that must have happened and of every choice among the others. */
function hasOrder(operations: readonly Operation[]): boolean {
  const model = new RegisterModel(operations)
  const isOptional = (operation: Operation) => operation.ending?.type === 'info'
  const extend = (state: KeyState, left: readonly Operation[]): boolean => {
    if (left.every(isOptional)) return true
    const bounds = left.filter((operation) => !isOptional(operation)).map((operation) => operation.endedUs as number)
    const earliestEnd = Math.min(...bounds)
    return left.some((operation) => {
      if (operation.invokedUs > earliestEnd) return false
      const after = model.step(state, operation)
      const others = left.filter((other) => other !== operation)
      return after !== undefined && extend(after, others)
    })
  }
  return extend(model.initial, operations)
}

/**
 * Clients that read and write one document which changes at a moment inside each operation; reads from `staleAt` on see
 * what was long before.
 */
function atomicRun(seed: string, operations: number, workers: number, staleAt = -1): History {
  const dice = createDice(seed)
  const history = new History(workers)
  const busy = new Map<number, { id: number; action: Action; seen: Observation | undefined }>()
  let index = 1
  let held = value(0, 'c')
  const old = held
  history.end(history.invoke(0, 0, { f: 'create', space, key: 'k', value: held }, 0), 0, {
    type: 'ok',
    observed: executed(1),
  })
  for (let atUs = 1; history.operations.length < operations; atUs++) {
    const worker = dice.intInclusive(0, workers - 1)
    const under = busy.get(worker)
    if (under === undefined) {
      const tag = `w${atUs}`
      const action = dice.pick([read('k'), write('k', atUs, tag), append('k', tag)])
      const kept = action.f === 'append' && held.list.length > 50 ? read('k') : action
      busy.set(worker, { id: history.invoke(worker, worker, kept, atUs), action: kept, seen: undefined })
    } else if (under.seen === undefined) {
      const { action } = under
      if (action.f === 'write') held = { ...held, n: action.n, by: action.by }
      if (action.f === 'append') held = { ...held, list: [...held.list, action.element] }
      const isStale = staleAt > 0 && under.id >= staleAt
      under.seen = action.f === 'read' ? saw(index, 1, 1, isStale ? old : held) : executed(++index)
    } else {
      history.end(under.id, atUs, { type: 'ok', observed: under.seen })
      busy.delete(worker)
    }
  }
  return history
}
