import { describe, expect, test } from 'vitest'
import type { Index, Term } from '../wire/ids.ts'
import { Group, idOf, membersOf } from './group.contract.ts'
import type { ConsensusMessage } from './replica.ts'

function vote(term: Term, lastIndex: Index, lastTerm: Term, more: { pre?: boolean; transfer?: boolean } = {}) {
  const message: ConsensusMessage = { kind: 'vote', term, pre: false, transfer: false, lastIndex, lastTerm, ...more }
  return message
}

/** How a server answers a request for its vote. */
function answer(group: Group, to: string, from: string, request: ConsensusMessage): boolean | 'silence' {
  group.receive(from, to, request)
  return group.take('vote-reply', to, from)[0]?.granted ?? 'silence'
}

describe('an election', () => {
  test('gives one vote a term, to the first who asks, also after a restart (Raft paper, section 5.2)', () => {
    const group = new Group(['a', 'b', 'c'])
    expect(answer(group, 'a', 'b', vote(5, 1, 1))).toBe(true)
    expect(answer(group, 'a', 'c', vote(5, 1, 1))).toBe(false)
    expect(answer(group, 'a', 'b', vote(5, 1, 1))).toBe(true)
    group.restart('a')
    expect(answer(group, 'a', 'c', vote(5, 1, 1))).toBe(false)
    expect(answer(group, 'a', 'b', vote(5, 1, 1))).toBe(true)
    expect(answer(group, 'a', 'c', vote(6, 1, 1))).toBe(true)
  })

  test('tells a vote only once it is durable, so that a crash can take it back but never double it', () => {
    const group = new Group(['a', 'b', 'c'])
    const { disk } = group.seat('a')
    disk.hold()
    expect(answer(group, 'a', 'b', vote(5, 1, 1))).toBe('silence')
    group.restart('a')
    disk.hold()
    expect(answer(group, 'a', 'c', vote(5, 1, 1))).toBe('silence')
    disk.persist()
    group.act('a', () => {})
    expect(group.take('vote-reply', 'a', 'c')).toMatchObject([{ term: 5, granted: true }])
    expect(group.take('vote-reply', 'a', 'b')).toEqual([])
  })

  test.each([
    { mine: [1, 2, 2], last: [3, 2], granted: true },
    { mine: [1, 2, 2], last: [2, 2], granted: false },
    { mine: [1, 2, 2], last: [4, 2], granted: true },
    { mine: [1, 2, 2], last: [2, 3], granted: true },
    { mine: [1, 2, 2], last: [9, 1], granted: false },
    { mine: [1], last: [0, 0], granted: false },
  ])('is won only by a log that is up to date: $mine asked by $last gives $granted (section 5.4.1)', (given) => {
    const [lastIndex = 0, lastTerm = 0] = given.last
    for (const pre of [false, true]) {
      const group = new Group(['a', 'b', 'c'])
      group.begin('a', given.mine, 3, 0)
      expect(answer(group, 'a', 'b', vote(4, lastIndex, lastTerm, { pre }))).toBe(given.granted)
    }
  })

  test('is asked about first, which changes nothing durable at anybody (thesis, section 9.6)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.campaign('a')
    expect(group.take('vote', 'a', 'b')).toMatchObject([{ pre: true, term: 2 }])
    const [packet] = group.pool
    if (packet !== undefined) group.deliver(packet)
    expect([group.replica('a').term, group.replica('c').term]).toEqual([1, 1])
    expect([group.replica('a').view.votedFor, group.replica('c').view.votedFor]).toEqual([undefined, undefined])
    group.settle()
    expect(group.replica('a').view).toMatchObject({ role: 'leader', term: 2, votedFor: idOf('a') })
  })

  test('counts the own vote only once it is durable', () => {
    const group = new Group(['a', 'b', 'c'])
    const { disk } = group.seat('a')
    disk.hold()
    group.campaign('a')
    group.settle((packet) => packet.from === 'c')
    expect(group.replica('a').role).toBe('candidate')
    disk.persist()
    group.act('a', () => {})
    group.settle((packet) => packet.from === 'c')
    expect(group.replica('a').role).toBe('leader')
  })

  test('does not count a promise made to the question as a vote', () => {
    const group = new Group(['a', 'b', 'c', 'd', 'e'])
    group.campaign('a')
    for (const from of ['b', 'c']) group.receive(from, 'a', { kind: 'vote-reply', term: 2, pre: true, granted: true })
    expect(group.replica('a').view).toMatchObject({ role: 'candidate', term: 2 })
    for (const from of ['d', 'e']) group.receive(from, 'a', { kind: 'vote-reply', term: 2, pre: true, granted: true })
    expect(group.replica('a').role).toBe('candidate')
    for (const from of ['d', 'e']) group.receive(from, 'a', { kind: 'vote-reply', term: 2, pre: false, granted: true })
    expect(group.replica('a').role).toBe('leader')
  })

  test('does not count votes again that were given before a restart', () => {
    const group = new Group(['a', 'b', 'c'])
    group.campaign('a')
    for (const from of ['b', 'c']) group.receive(from, 'a', { kind: 'vote-reply', term: 2, pre: true, granted: true })
    group.restart('a')
    for (const from of ['b', 'c']) group.receive(from, 'a', { kind: 'vote-reply', term: 2, pre: false, granted: true })
    expect(group.replica('a').view).toMatchObject({ role: 'follower', term: 2, votedFor: idOf('a') })
  })

  test('can not be forced by a server that was cut off (thesis, section 4.2.3)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    for (let i = 0; i < 5; i++) group.campaign('c')
    group.settle((packet) => packet.from === 'c' && packet.parcel.kind !== 'vote')
    expect([group.replica('a').role, group.replica('a').term]).toEqual(['leader', 2])
    expect(answer(group, 'b', 'c', vote(9, 9, 9))).toBe('silence')
    expect(answer(group, 'a', 'c', vote(9, 9, 9))).toBe('silence')
    expect(answer(group, 'b', 'c', vote(9, 9, 9, { transfer: true }))).toBe(true)
  })

  test('tells a candidate of an old term which term it is', () => {
    const group = new Group(['a', 'b', 'c'])
    group.begin('b', [1], 7, 0)
    group.campaign('a')
    group.settle((packet) => packet.from === 'c' || packet.to === 'c')
    expect(group.replica('a').term).toBe(7)
    group.elect('a')
    expect(group.replica('a').term).toBe(8)
  })

  test('includes a voter that does not know yet that it is one (etcd #10998)', () => {
    const group = new Group(['a', 'b', 'c'], ['d'])
    group.elect('a')
    group.changeMembers('a', ['a', 'b', 'c', 'd'])
    group.settle((packet) => packet.to === 'd')
    expect(group.replica('d').members.voters).toHaveLength(3)
    expect(answer(group, 'd', 'b', vote(9, 9, 9, { transfer: true }))).toBe(true)
  })

  test('is ordered by nobody but the leader of the term (thesis, section 3.10)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    const { term } = group.replica('b')
    group.receive('c', 'b', { kind: 'timeout-now', term })
    // Whoever claims a later term is not known to lead it.
    group.receive('c', 'a', { kind: 'timeout-now', term: term + 1 })
    for (const name of ['a', 'b']) expect(group.replica(name).view.role).not.toBe('candidate')
    expect(group.replica('b').term).toBe(term)
    expect(group.replica('a').term).toBe(term + 1)
    group.receive('a', 'b', { kind: 'timeout-now', term })
    expect(group.replica('b').view).toMatchObject({ role: 'candidate', term: term + 1 })
  })

  test('never has a learner for a candidate', () => {
    const group = new Group(['a'], ['d'])
    group.campaign('d')
    group.receive('a', 'd', { kind: 'heartbeat', term: 1, commit: 0, round: 0 })
    group.receive('a', 'd', { kind: 'timeout-now', term: 1 })
    expect(group.replica('d').view).toMatchObject({ role: 'follower', term: 1 })
    expect(group.pool).toEqual([])
  })

  test('takes no part of a server whose log is damaged', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x')
    group.settle()
    group.restart('c', 3)
    group.campaign('c')
    group.receive('a', 'c', { kind: 'heartbeat', term: 2, commit: 0, round: 0 })
    group.receive('a', 'c', { kind: 'timeout-now', term: 2 })
    group.act('c', (replica, now) => replica.leaderGone(now))
    group.campaign('c')
    expect(group.pool).toEqual([])
    expect(answer(group, 'c', 'b', vote(9, 9, 9))).toBe(false)
    expect(answer(group, 'c', 'b', vote(10, 9, 9, { pre: true }))).toBe(false)
    expect(group.replica('c').view).toMatchObject({ role: 'follower', votedFor: undefined })
  })

  test('may need a server that the newest configuration leaves out, if it alone holds that one (thesis, 4.2.2)', () => {
    const group = new Group(['a'], ['b', 'c', 'd'])
    group.elect('a')
    group.changeMembers('a', ['b', 'c', 'd'])
    group.settle((packet) => packet.parcel.kind === 'append' && packet.parcel.prevIndex >= 3)
    const { replica } = group.seat('a')
    expect([replica.members, replica.membersIndex, replica.commit]).toEqual([membersOf(['b', 'c', 'd']), 4, 3])
    group.tick('a', 1000)
    expect(replica.role).toBe('follower')
    for (const name of ['b', 'c', 'd']) group.campaign(name)
    group.settle()
    group.campaign('a')
    group.settle()
    expect(['b', 'c', 'd'].filter((name) => group.replica(name).isReady)).toHaveLength(1)
    expect(group.replica('a').role).toBe('follower')
  })

  test('begins at once when the leader is certainly gone, one rank after the other', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    for (const name of ['b', 'c']) group.act(name, (replica, now) => replica.leaderGone(now))
    for (const name of ['b', 'c']) group.tick(name, 0)
    expect(group.take('vote', 'b', 'c')).toMatchObject([{ pre: true, term: 3 }])
    expect(group.take('vote', 'c', 'b')).toEqual([])
    group.tick('c', 25)
    expect(group.take('vote', 'c', 'b')).toMatchObject([{ pre: true, term: 3 }])
    for (let i = 0; i < 40; i++) group.tick('b', 25)
    const attempts = group.take('vote', 'b', 'c').length
    expect(attempts).toBeGreaterThan(10)
    expect(attempts).toBeLessThan(45)
  })
})
