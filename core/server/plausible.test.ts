import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Log } from '../consensus/log.ts'
import { nameOf } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { lastIndexOf, type Run, runBytes } from '../wire/run.ts'
import { Bench } from './bench.contract.ts'
import { fitsLog, isPlausible } from './plausible.ts'
import { Puppet } from './puppet.contract.ts'

type Append = Extract<Message, { kind: 'append' }>

/** Entries of these terms, each with a stamp that rises with its index and its term. */
function runsOf(firstIndex: number, terms: readonly number[]): readonly Run[] {
  return terms.map((term, i) => {
    const index = firstIndex + i
    return {
      kind: 'data',
      firstIndex: index,
      term,
      stampMs: term * 100 + index,
      count: 1,
      bytes: runBytes([new Uint8Array(1)]),
    }
  })
}

function appendOf(prevIndex: number, prevTerm: number, runs: readonly Run[]): Append {
  const last = lastIndexOf(runs.at(-1) ?? { ...(runsOf(prevIndex, [1])[0] as Run) })
  return { kind: 'append', term: 9, prevIndex, prevTerm, commit: 0, last, round: 0, runs }
}

const replicaWith = (commit: number, terms: readonly number[], base = 0) => {
  const log = new Log(0, 0, 0, runsOf(1, terms))
  log.compact(base)
  return { log, commit }
}

describe('an append', () => {
  test('fits where it begins in the log, or is to be told that it does not', () => {
    const replica = replicaWith(2, [1, 1, 5, 5])
    expect(fitsLog(replica, appendOf(4, 5, runsOf(5, [6])))).toBe(true)
    expect(fitsLog(replica, appendOf(2, 1, runsOf(3, [3, 3])))).toBe(true)
    expect(fitsLog(replica, appendOf(3, 3, runsOf(4, [3])))).toBe(true)
    expect(fitsLog(replica, appendOf(40, 3, runsOf(41, [3])))).toBe(true)
  })

  test('does not fit when it would replace what is committed', () => {
    const replica = replicaWith(3, [1, 1, 5, 5])
    expect(fitsLog(replica, appendOf(1, 1, runsOf(2, [6])))).toBe(false)
    expect(fitsLog(replica, appendOf(2, 1, runsOf(3, [5, 6])))).toBe(true)
  })

  test('does not fit when terms or stamps would fall behind entries that stay', () => {
    const replica = replicaWith(4, [2, 2, 5, 5], 3)
    expect(fitsLog(replica, appendOf(2, 2, runsOf(3, [3, 3, 3])))).toBe(false)
    const [old] = runsOf(5, [5])
    expect(fitsLog(replica, appendOf(4, 5, [{ ...(old as Run), stampMs: 1 }]))).toBe(false)
  })

  test('of an honest leader always fits, whatever else its receiver holds beyond what is committed', () => {
    const terms = fc.array(fc.nat({ max: 2 }), { maxLength: 6 })
    const upFrom = (from: number, steps: readonly number[]) => {
      let term = from
      return steps.map((step) => (term += step))
    }
    fc.assert(
      fc.property(terms, terms, terms, fc.nat(), fc.nat(), fc.nat(), (common, own, leading, at, committed, base) => {
        const shared = upFrom(1, common)
        const from = shared.at(-1) ?? 1
        const theirs = [...shared, ...upFrom(from, leading)]
        const commit = committed % (shared.length + 1)
        const replica = replicaWith(commit, [...shared, ...upFrom(from, own)], base % (commit + 1))
        const prevIndex = at % (theirs.length + 1)
        const append = appendOf(prevIndex, theirs[prevIndex - 1] ?? 0, runsOf(prevIndex + 1, theirs.slice(prevIndex)))
        expect(fitsLog(replica, append)).toBe(true)
      }),
      { seed: 7, numRuns: 2000 },
    )
  })
})

test('an append that contradicts what is committed is dropped, and the operator hears of it now and then', () => {
  const bench = Bench.formed()
  const seat = bench.seat(bench.followers()[0]?.name ?? '')
  const { server, term } = { server: bench.leader().machine.id, term: seat.status.term }
  for (const { name } of bench.seats.values()) if (name !== seat.name) bench.cut(name, seat.name)
  const puppet = new Puppet(bench, 'p')
  const link = puppet.greet(seat.name, 'peer', { server })
  const { last } = seat.status
  const lie = { ...appendOf(0, 0, runsOf(1, [term, term, term])), term }
  puppet.say(link, ...new Array<Append>(12).fill(lie))
  const told = seat.events.filter((event) => event.kind === 'log-contradicted')
  expect(told).toEqual([1, 10].map((times) => ({ kind: 'log-contradicted', by: nameOf(server), times })))
  expect(puppet.kinds()).toEqual(['welcome'])
  expect(seat.status.last).toBe(last)
})

describe('a message', () => {
  test.each<[string, Message, boolean]>([
    ['of a term that leaves no room', { kind: 'vote-reply', term: 2 ** 49, pre: false, granted: true }, false],
    ['of a large term', { kind: 'vote-reply', term: 2 ** 40, pre: false, granted: true }, true],
    ['with a stamp beyond all times', appendOf(0, 0, [{ ...(runsOf(1, [1])[0] as Run), stampMs: 2 ** 50 }]), false],
    ['with members that are none', appendOf(0, 0, [{ ...(runsOf(1, [1])[0] as Run), kind: 'members' }]), false],
    ['with entries that follow', appendOf(0, 0, runsOf(1, [1, 2, 3])), true],
  ])('%s', (_, message, plausible) => {
    expect(isPlausible(message)).toBe(plausible)
  })
})
