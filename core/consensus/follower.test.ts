import { describe, expect, test } from 'vitest'
import type { Index, Term } from '../wire/ids.ts'
import type { Run } from '../wire/run.ts'
import { Group, idOf, membersOf, termsOf, textRun } from './group.contract.ts'
import type { ConsensusMessage } from './replica.ts'

function append(term: Term, prev: readonly [Index, Term], commit: Index, ...runs: Run[]): ConsensusMessage {
  return { kind: 'append', term, prevIndex: prev[0], prevTerm: prev[1], commit, last: 1000, round: 0, runs }
}

/** The members entry of term 1, and then entries of these terms. */
function follower(...terms: Term[]): Group {
  const group = new Group(['a', 'b', 'c'])
  group.begin('b', [1, ...terms], Math.max(1, ...terms), 1)
  return group
}

describe('a follower', () => {
  test('keeps entries that a delayed append does not contradict (akka-raft #66)', () => {
    const group = follower(2, 2, 2)
    group.receive('a', 'b', append(2, [1, 1], 1, textRun(2, 2, ['2.2'])))
    expect(termsOf(group.replica('b'))).toEqual([1, 2, 2, 2])
    expect(group.take('append-ack', 'b', 'a')).toMatchObject([{ match: 2 }])
  })

  test('replaces what contradicts its leader, and nothing before it (Raft paper, section 5.3)', () => {
    const group = follower(2, 2, 2)
    const runs = [textRun(2, 2, ['2.2']), textRun(3, 3, ['x', 'y'])]
    group.receive('a', 'b', append(3, [1, 1], 3, ...runs))
    expect([termsOf(group.replica('b')), group.replica('b').commit]).toEqual([[1, 2, 3, 3], 3])
    expect(group.take('append-ack', 'b', 'a')).toMatchObject([{ match: 4 }])
  })

  test('commits no further than the append vouches for (section 5.3)', () => {
    const group = follower(2, 2, 2)
    group.receive('a', 'b', append(3, [2, 2], 4))
    expect([termsOf(group.replica('b')), group.replica('b').commit]).toEqual([[1, 2, 2, 2], 2])
  })

  test.each([
    { terms: [2, 2, 2], prev: [9, 5], hint: [4, 2] },
    { terms: [2, 4, 4], prev: [4, 3], hint: [2, 2] },
    { terms: [4, 4, 4], prev: [3, 2], hint: [1, 1] },
  ] as const)('rejects $prev in the log $terms and says where the logs may agree: $hint', ({ terms, prev, hint }) => {
    const group = follower(...terms)
    group.receive('a', 'b', append(6, prev, 0))
    const [hintIndex, hintTerm] = hint
    expect(group.take('append-ack', 'b', 'a')).toMatchObject([
      { match: undefined, prevIndex: prev[0], hintIndex, hintTerm },
    ])
    expect(group.replica('b').leader).toBe(idOf('a'))
  })

  test.each([
    ['a gap', [textRun(6, 2, ['x'])]],
    ['a term that falls', [textRun(5, 3, ['x']), textRun(6, 2, ['y'])]],
    ['a term to come', [textRun(5, 9, ['x'])]],
  ])('takes no append with %s', (_what, runs) => {
    const group = follower(2, 2, 2)
    group.receive('a', 'b', append(3, [4, 2], 4, ...runs))
    expect([termsOf(group.replica('b')), group.replica('b').commit, group.pool]).toEqual([[1, 2, 2, 2], 1, []])
  })

  test('confirms entries only once they are durable, and rounds at once', () => {
    const group = follower()
    group.receive('a', 'b', append(1, [1, 1], 0))
    group.pool = []
    group.seat('b').disk.hold()
    group.receive('a', 'b', append(1, [1, 1], 2, textRun(2, 1, ['x'])))
    group.receive('a', 'b', { kind: 'heartbeat', term: 1, commit: 2, round: 7 })
    expect(group.take('append-ack', 'b', 'a')).toEqual([])
    expect(group.take('heartbeat-ack', 'b', 'a')).toMatchObject([{ round: 7 }])
    group.seat('b').disk.persist()
    group.act('b', () => {})
    expect(group.take('append-ack', 'b', 'a')).toMatchObject([{ match: 2 }])
  })

  test('that stood for election in the term of its leader follows, and keeps its vote', () => {
    const group = new Group(['a', 'b', 'c'])
    group.campaign('b')
    for (const from of ['a', 'c']) group.receive(from, 'b', { kind: 'vote-reply', term: 2, pre: true, granted: true })
    expect(group.replica('b').role).toBe('candidate')
    group.receive('a', 'b', append(2, [9, 9], 0))
    expect(group.replica('b').view).toMatchObject({ role: 'follower', term: 2, votedFor: idOf('b') })
  })

  test('tells a leader of an old term which term it is', () => {
    const group = follower(3)
    group.receive('a', 'b', append(2, [1, 1], 1))
    expect(group.take('heartbeat-ack', 'b', 'a')).toMatchObject([{ term: 3, round: 0 }])
    expect(group.replica('b').leader).toBe(undefined)
  })
})

describe('a server that lost a part of its log', () => {
  /** Server c held entries up to 5 of term 2 and can't read those from 4 on. */
  function damaged(): Group {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x', 'y', 'z')
    group.settle()
    group.restart('c', 4)
    return group
  }

  test('counts neither for commit nor for rounds until it holds everything again', () => {
    const group = damaged()
    group.tick('a', 100)
    group.settle((packet) => packet.to === 'b' || (packet.to === 'c' && packet.parcel.kind === 'append'))
    const round = group.act('a', (replica) => replica.beginRound())
    group.propose('a', 'w')
    group.settle((packet) => packet.to === 'b' || (packet.to === 'c' && packet.parcel.kind === 'append'))
    expect(group.replica('c').repairing).toBe(true)
    expect([group.replica('a').confirmedRound < round, group.replica('a').commit]).toEqual([true, 5])
    group.tick('a', 100)
    group.settle((packet) => packet.to === 'b')
    expect(group.replica('c').repairing).toBe(false)
    expect([group.replica('a').confirmedRound >= round, group.replica('a').commit]).toEqual([true, 6])
  })

  test('is not whole under the same leader before it holds what it may have confirmed', () => {
    const group = damaged()
    group.receive('a', 'c', { kind: 'heartbeat', term: 2, commit: 5, round: 9 })
    expect([group.replica('c').repairing, group.replica('c').commit]).toEqual([true, 3])
    expect(group.take('heartbeat-ack', 'c', 'a')).toMatchObject([{ repairing: true }])
    group.receive('a', 'c', append(2, [3, 2], 5, textRun(4, 2, ['y'])))
    expect(group.replica('c').repairing).toBe(true)
    group.receive('a', 'c', append(2, [4, 2], 5, textRun(5, 2, ['z'])))
    expect(group.replica('c').repairing).toBe(false)
    expect(group.take('append-ack', 'c', 'a')).toMatchObject([
      { match: 4, repairing: true },
      { match: 5, repairing: false },
    ])
  })

  test('is whole under the same leader once it holds all that the leader has, though it may have held more', () => {
    const group = damaged()
    const bounded = append(2, [3, 2], 3, textRun(4, 2, ['y']))
    group.receive('a', 'c', { ...bounded, last: 5 } as ConsensusMessage)
    expect(group.replica('c').repairing).toBe(true)
    group.receive('a', 'c', { ...append(2, [4, 2], 3), last: 4 } as ConsensusMessage)
    expect(group.replica('c').repairing).toBe(false)
  })

  test('is whole under a later leader once that has committed an entry of its own, even if a heartbeat says so', () => {
    const group = damaged()
    const lost = group.replica('a').log.slice(4, 5, 100)
    group.receive('b', 'c', append(3, [3, 2], 5, ...lost, textRun(6, 3, ['n'])))
    expect([group.replica('c').repairing, group.replica('c').commit]).toEqual([true, 5])
    group.receive('b', 'c', { kind: 'heartbeat', term: 3, commit: 6, round: 1 })
    expect(group.replica('c').repairing).toBe(false)
    expect(group.take('heartbeat-ack', 'c', 'b')).toMatchObject([{ repairing: false }])
  })

  test('asks anew for what it had confirmed, and an old confirmation that comes late does no harm', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x', 'y', 'z')
    for (const packet of [...group.pool]) group.deliver(packet)
    const late = group.pool.filter(({ from }) => from === 'c')
    group.settle()
    group.restart('c', 4)
    group.tick('a', 100)
    group.settle((packet) => packet.parcel.kind === 'append')
    for (const packet of late) group.deliver({ ...packet })
    expect(group.replica('a').progressOf(idOf('c'))?.match).toBe(5)
    group.propose('a', 'w')
    group.settle()
    group.tick('a', 100)
    group.settle()
    expect([termsOf(group.replica('c')), group.replica('c').commit]).toEqual([[1, 2, 2, 2, 2, 2], 6])
    expect(group.replica('c').repairing).toBe(false)
  })

  test('says so after every restart until it is repaired', () => {
    const group = damaged()
    group.restart('c')
    expect(group.replica('c').repairing).toBe(true)
    group.tick('a', 100)
    group.settle()
    expect(group.replica('c').repairing).toBe(false)
    group.restart('c')
    expect(group.replica('c').repairing).toBe(false)
  })

  test('leaves its group without a leader rather than elect one that lacks what it confirmed', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x', 'y', 'z')
    group.settle(({ to }) => to === 'b')
    expect(group.replica('a').commit).toBe(5)
    group.restart('c', 4)
    group.seat('a').isUp = false
    for (let i = 0; i < 5; i++) {
      for (const name of ['b', 'c']) group.campaign(name)
      group.settle()
    }
    expect([group.replica('b').role, group.replica('c').role]).not.toContain('leader')
    expect(group.replica('c').members).toEqual(membersOf(['a', 'b', 'c']))
  })
})
