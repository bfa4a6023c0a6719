import { describe, expect, it } from 'vitest'
import type { ReplicaView } from '../core/consensus/invariants.ts'
import { encodeMessage } from '../core/wire/codec.ts'
import { type Incarnation, type ServerName, serverId } from '../core/wire/ids.ts'
import { Findings } from './checkers/findings.ts'
import { Promises, type Promising } from './promises.ts'

const id = serverId('a' as ServerName, '00000000000000a1' as Incarnation)
const candidate = serverId('b' as ServerName, '00000000000000b1' as Incarnation)

interface Shown {
  readonly term?: number
  readonly votedFor?: typeof candidate
  /** Terms of the entries from 1 on. */
  readonly log?: readonly number[]
  readonly durableIndex?: number
  readonly written?: number
  readonly durable?: number
  readonly repairing?: boolean
}

/** A server that shows just this. */
function server(shown: Shown): Promising {
  const log = shown.log ?? []
  const view: Pick<ReplicaView, 'term' | 'votedFor' | 'durable'> = {
    term: shown.term ?? 1,
    votedFor: shown.votedFor,
    durable: shown.durableIndex ?? log.length,
  }
  const replica = {
    view,
    term: view.term,
    repairing: shown.repairing ?? false,
    log: { baseIndex: 0, lastIndex: log.length, termAt: (index: number) => (index === 0 ? 0 : log[index - 1]) },
  }
  return { id, core: { replica, storage: { written: shown.written ?? 1, durable: shown.durable ?? 1 } } }
}

function watch() {
  const findings = new Findings('promises')
  const promises = new Promises(findings)
  return {
    show: (shown: Shown) => promises.observe(server(shown)),
    start: (shown: Shown, rotted = 0) => {
      promises.started(server(shown), rotted)
      promises.observe(server(shown))
    },
    vote: (shown: Shown, term: number) =>
      promises.sent(server(shown), encodeMessage({ kind: 'vote-reply', term, pre: false, granted: true })),
    confirm: (shown: Shown, match: number) => {
      const ack = { round: 0, prevIndex: 0, match, hintIndex: 0, hintTerm: 0, repairing: false, checkpoint: 0 }
      promises.sent(server(shown), encodeMessage({ kind: 'append-ack', term: 1, ...ack, stateHash: '' }))
    },
    violations: () => findings.result().violations,
  }
}

describe('what a server tells', () => {
  it('may be a vote that is durable, and no other', () => {
    const { start, show, vote, violations } = watch()
    start({})
    const voted = { term: 2, votedFor: candidate, written: 2 }
    show(voted)
    vote(voted, 2)
    expect(violations()).toEqual(['a told of its vote in term 2 before it was durable'])
    show({ ...voted, durable: 2 })
    vote({ ...voted, durable: 2 }, 2)
    expect(violations()).toHaveLength(1)
  })

  it('may be a vote of an earlier term whose disk write ended late', () => {
    const { start, show, vote, violations } = watch()
    start({})
    show({ term: 2, votedFor: candidate, written: 2 })
    show({ term: 3, written: 3 })
    show({ term: 3, written: 3, durable: 2 })
    vote({ term: 3, written: 3, durable: 2 }, 2)
    expect(violations()).toEqual([])
  })

  it('is no vote while its log is damaged', () => {
    const { start, vote, violations } = watch()
    const damaged = { term: 2, votedFor: candidate, repairing: true }
    start(damaged)
    vote(damaged, 2)
    expect(violations()).toEqual(['a voted in term 2 while its log was damaged'])
  })

  it('is the part of its log that is durable', () => {
    const { start, show, confirm, violations } = watch()
    start({})
    const writing = { log: [1, 1, 1], durableIndex: 2, written: 4, durable: 3 }
    show(writing)
    confirm(writing, 2)
    expect(violations()).toEqual([])
    confirm(writing, 3)
    expect(violations()).toEqual(['a confirmed entries up to 3, durable are those up to 2'])
  })
})

describe('a server that starts again', () => {
  const before = { term: 2, votedFor: candidate, log: [1, 2, 2], written: 4, durable: 4 }

  function startAgainWith(shown: Shown, rotted = 0): readonly string[] {
    const { start, show, violations } = watch()
    start({})
    show(before)
    start({ ...shown, written: 2, durable: 0 }, rotted)
    return violations()
  }

  it('has everything that was durable', () => {
    expect(startAgainWith(before)).toEqual([])
    expect(startAgainWith({ ...before, term: 3, log: [1, 2, 2, 2] })).toEqual([])
  })

  it('has lost nothing from the end of its log, and nothing was replaced', () => {
    expect(startAgainWith({ ...before, log: [1, 2] })).toEqual([
      'a lost what was durable: entry 3 of term 2; its log ends at 2',
    ])
    expect(startAgainWith({ ...before, log: [1, 1, 1] })).toHaveLength(1)
  })

  it('has forgotten neither its vote nor its term', () => {
    expect(startAgainWith({ term: 2, log: before.log })).toHaveLength(1)
    expect(startAgainWith({ term: 1, log: before.log })).toHaveLength(1)
  })

  it('misses what bits flipped away, and finds no damage where none is', () => {
    const damaged = { ...before, log: [1], repairing: true }
    expect(startAgainWith(damaged, 1)).toEqual([])
    expect(startAgainWith(damaged)).toEqual(['a found damage on a disk that has none'])
  })

  it('may have lost what was written last when a bit flipped, but nothing before', () => {
    const { start, show, violations } = watch()
    start({})
    show({ log: [1, 1], written: 3, durable: 3 })
    show({ log: [1, 1, 1], written: 4, durable: 4 })
    start({ log: [1, 1], written: 2, durable: 0 }, 1)
    expect(violations()).toEqual([])
    start({ log: [1], written: 2, durable: 0 }, 2)
    expect(violations()).toHaveLength(1)
  })

  it('owes nothing of what its page cache held before the first flush of its life', () => {
    const { start, show, violations } = watch()
    start({})
    show(before)
    start({ ...before, log: [1, 2, 2, 2], written: 2, durable: 0 })
    start({ ...before, written: 2, durable: 0 })
    expect(violations()).toEqual([])
  })
})
