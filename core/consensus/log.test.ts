import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionFailed } from '../lib/assert.ts'
import type { Term } from '../wire/ids.ts'
import { payloadsOf, type Run, runBytes } from '../wire/run.ts'
import { Log } from './log.ts'

/** Entries as an array, of which the log keeps those behind `base`. */
interface Model {
  base: number
  baseTerm: Term
  entries: { readonly term: Term; readonly mark: number }[]
}

function run(firstIndex: number, term: Term, marks: readonly number[], stampMs = 0): Run {
  const bytes = runBytes(marks.map((mark) => Uint8Array.of(mark)))
  return { kind: 'data', firstIndex, term, stampMs, count: marks.length, bytes }
}

function logOf(...terms: Term[]): Log {
  const log = new Log(0, 0, 0, [])
  terms.forEach((term, i) => {
    log.append(run(i + 1, term, [i]))
  })
  return log
}

function marksIn(runs: readonly Run[]): number[] {
  return runs.flatMap((each) => [...payloadsOf(each)].map(([, payload]) => payload[0] ?? -1))
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append'),
      back: fc.nat(4),
      count: fc.integer({ min: 1, max: 4 }),
      rise: fc.nat(2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('compact'),
      back: fc.nat(6),
      count: fc.constant(0),
      rise: fc.constant(0),
    }),
  },
)

describe('the log', () => {
  test('agrees with an array of entries after any sequence of appends, overwrites and compactions', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const log = new Log(0, 0, 0, [])
        const model: Model = { base: 0, baseTerm: 0, entries: [] }
        steps.forEach(({ kind, back, count, rise }, i) => {
          const from = Math.max(model.base + 1, log.lastIndex + 1 - back)
          if (kind === 'append') {
            const term = log.lastTerm + rise || 1
            log.append(run(from, term, Array<number>(count).fill(i)))
            model.entries.splice(from - model.base - 1, model.entries.length, ...Array(count).fill({ term, mark: i }))
          } else if (from - 1 > model.base) {
            log.compact(from - 1)
            const gone = model.entries.splice(0, from - 1 - model.base)
            model.base = from - 1
            model.baseTerm = gone.at(-1)?.term ?? 0
          }
          expectEqual(log, model)
        })
      }),
      { seed: 3, numRuns: 60 },
    )
  })

  test('refuses a gap, a term that falls, and an overwrite of what was compacted', () => {
    const log = logOf(1, 1, 3)
    expect(() => log.append(run(5, 3, [0]))).toThrow(AssertionFailed)
    expect(() => log.append(run(4, 2, [0]))).toThrow(AssertionFailed)
    log.compact(2)
    expect(() => log.append(run(2, 3, [0]))).toThrow(AssertionFailed)
    expect(() => log.compact(4)).toThrow(AssertionFailed)
  })

  test('keeps the stamp of the last entry when everything is compacted or replaced by a snapshot', () => {
    const log = new Log(0, 0, 0, [run(1, 1, [0], 7), run(2, 1, [0], 9)])
    log.compact(1)
    expect(log.lastStampMs).toBe(9)
    log.compact(2)
    expect(log.lastStampMs).toBe(9)
    log.reset(8, 2, 30)
    expect([log.lastStampMs, log.lastIndex, log.lastTerm, log.bytes]).toEqual([30, 8, 2, 0])
    log.append(run(9, 2, [0], 29))
    expect(() => log.checkInvariants()).toThrow('stamps fall')
  })

  test('cuts a slice after the run that passes the byte limit, and gives at least one entry', () => {
    const log = new Log(0, 0, 0, [run(1, 1, [1, 2, 3]), run(4, 1, [4, 5]), run(6, 2, [6])])
    expect(marksIn(log.slice(2, 6, 1))).toEqual([2, 3])
    expect(marksIn(log.slice(2, 6, 5))).toEqual([2, 3, 4, 5])
    expect(marksIn(log.slice(2, 4, 100))).toEqual([2, 3, 4])
    expect(log.slice(7, 9, 100)).toEqual([])
    expect(log.slice(4, 3, 100)).toEqual([])
  })

  test('finds the last entry at which logs of two terms may agree (Raft paper, end of section 5.3)', () => {
    const log = logOf(1, 1, 4, 4, 4, 6)
    expect([0, 1, 3, 4, 5, 6].map((term) => log.lastAtMost(6, term))).toEqual([0, 2, 2, 5, 5, 6])
    expect(log.lastAtMost(4, 4)).toBe(4)
    expect(log.lastAtMost(99, 6)).toBe(6)
    log.compact(4)
    expect(log.lastAtMost(6, 1)).toBe(4)
    expect(log.lastAtMost(3, 1)).toBe(3)
  })
})

function expectEqual(log: Log, { base, baseTerm, entries }: Model): void {
  log.checkInvariants()
  expect([log.baseIndex, log.baseTerm, log.lastIndex]).toEqual([base, baseTerm, base + entries.length])
  expect(log.lastTerm).toBe(entries.at(-1)?.term ?? baseTerm)
  expect(marksIn(log.slice(base + 1, log.lastIndex, 1e9))).toEqual(entries.map(({ mark }) => mark))
  expect(log.bytes).toBe(2 * entries.length)
  expect(log.termAt(base - 1)).toBe(undefined)
  expect(log.termAt(base)).toBe(baseTerm)
  entries.forEach(({ term }, i) => {
    expect(log.termAt(base + 1 + i)).toBe(term)
  })
  expect(log.termAt(log.lastIndex + 1)).toBe(undefined)
}
