import { describe, expect, test } from 'vitest'
import { type Run, runBytes } from '../wire/run.ts'
import { Group, idOf, membersOf, termsOf, textRun } from './group.contract.ts'
import { encodeMembers } from './members.ts'

function membersRun(firstIndex: number, term: number, voters: readonly string[]): Run {
  const bytes = runBytes([encodeMembers(membersOf(voters))])
  return { kind: 'members', firstIndex, term, stampMs: 0, count: 1, bytes }
}

describe('a configuration', () => {
  test('is in effect from the moment it is appended, and not any more when it is cut off', () => {
    const group = new Group(['a', 'b', 'c'])
    const { replica } = group.seat('b')
    const base = { kind: 'append', commit: 0, last: 1000, round: 0 } as const
    group.receive('a', 'b', { ...base, term: 2, prevIndex: 1, prevTerm: 1, runs: [membersRun(2, 2, ['a', 'c'])] })
    expect([replica.members, replica.membersIndex]).toEqual([membersOf(['a', 'c']), 2])
    group.receive('c', 'b', { ...base, term: 3, prevIndex: 1, prevTerm: 1, runs: [textRun(2, 3, ['x'])] })
    expect([replica.members, replica.membersIndex]).toEqual([membersOf(['a', 'b', 'c']), 1])
    expect(group.takeDeeds().filter(({ kind }) => kind === 'members')).toHaveLength(2)
    group.campaign('b')
    expect(group.take('vote', 'b', 'a')).toHaveLength(1)
  })

  test('is found again after a restart, and at every index for a snapshot there', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x')
    group.changeMembers('a', ['a', 'b', 'c'], ['d'])
    group.settle()
    group.restart('a')
    const { replica } = group.seat('a')
    expect([replica.membersAt(0), replica.membersAt(3), replica.membersAt(4)]).toEqual([
      membersOf([]),
      membersOf(['a', 'b', 'c']),
      membersOf(['a', 'b', 'c'], ['d']),
    ])
    group.compact('a', 4)
    expect(replica.membersAt(4)).toEqual(membersOf(['a', 'b', 'c'], ['d']))
    group.restart('a')
    expect(group.replica('a').members).toEqual(membersOf(['a', 'b', 'c'], ['d']))
  })
})

describe('an installed snapshot', () => {
  const snapshot = (index: number, term: number, voters = ['a', 'b', 'c']) =>
    ({ kind: 'snapshot', term: 2, index, indexTerm: term, stampMs: 0, members: membersOf(voters) }) as const

  test('does not take back entries that were confirmed while it was on its way (Raft paper, section 7)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x', 'y')
    group.settle((packet) => packet.to === 'b' || packet.to === 'c')
    const { disk } = group.seat('c')
    group.receive('a', 'c', { kind: 'heartbeat', term: 2, commit: 0, round: 0 })
    disk.hold()
    const [entries] = [group.replica('a').log.slice(3, 4, 1e9)]
    group.receive('a', 'c', {
      kind: 'append',
      term: 2,
      prevIndex: 2,
      prevTerm: 2,
      commit: 0,
      last: 1000,
      round: 0,
      runs: entries,
    })
    group.deliver({ from: 'a', to: 'c', parcel: snapshot(3, 2) })
    disk.persist()
    group.act('c', () => {})
    const { replica } = group.seat('c')
    expect(group.take('append-ack', 'c', 'a')).toMatchObject([{ match: 4 }])
    expect([replica.log.baseIndex, replica.log.lastIndex, replica.commit]).toEqual([3, 4, 3])
    group.restart('c')
    expect([group.replica('c').log.baseIndex, group.replica('c').log.lastIndex]).toEqual([3, 4])
  })

  test('replaces a log that does not agree with it, and is confirmed only when the disk has forgotten that log', () => {
    const group = new Group(['a', 'b', 'c'])
    group.begin('c', [1, 1, 1, 1, 1], 1, 1)
    group.receive('a', 'c', { kind: 'heartbeat', term: 2, commit: 0, round: 0 })
    group.seat('c').disk.hold()
    group.deliver({ from: 'a', to: 'c', parcel: snapshot(3, 2) })
    const { replica } = group.seat('c')
    expect([replica.log.baseIndex, replica.log.lastIndex, replica.view.durable]).toEqual([3, 3, 3])
    group.receive('a', 'c', {
      kind: 'append',
      term: 2,
      prevIndex: 3,
      prevTerm: 2,
      commit: 3,
      last: 1000,
      round: 0,
      runs: [],
    })
    expect(group.take('append-ack', 'c', 'a')).toEqual([])
    group.seat('c').disk.persist()
    group.act('c', () => {})
    expect(group.take('append-ack', 'c', 'a')).toMatchObject([{ match: 3 }])
    expect(replica.view.durable).toBe(3)
  })

  test('proves all that it covers, and nothing behind it, whatever the disk still has to do', () => {
    const group = new Group(['a', 'b', 'c'])
    const { disk, replica } = group.seat('c')
    const base = { kind: 'append', term: 2, commit: 0, last: 1000, round: 0 } as const
    disk.hold()
    group.receive('a', 'c', { ...base, prevIndex: 1, prevTerm: 1, runs: [textRun(2, 2, ['x', 'y', 'z'])] })
    expect(replica.view.durable).toBe(1)
    disk.keepSnapshot(3, 2, 0, replica.members)
    group.act('c', () => replica.installSnapshot(3, 2, 0, replica.members))
    expect([replica.view.durable, replica.log.lastIndex]).toEqual([3, 4])
    disk.keepSnapshot(9, 2, 0, replica.members)
    group.act('c', () => replica.installSnapshot(9, 2, 0, replica.members))
    group.receive('a', 'c', { ...base, prevIndex: 9, prevTerm: 2, runs: [textRun(10, 2, ['w'])] })
    expect([replica.view.durable, replica.log.lastIndex]).toEqual([9, 10])
    group.take('append-ack', 'c', 'a')
    disk.release()
    group.act('c', () => {})
    expect(replica.view.durable).toBe(10)
    expect(group.take('append-ack', 'c', 'a')).toMatchObject([{ match: 10 }])
  })

  test('ends the candidacy of a server that turns out to be no voter', () => {
    const group = new Group(['a', 'b', 'c'])
    group.receive('a', 'c', { kind: 'heartbeat', term: 2, commit: 0, round: 0 })
    const { disk } = group.seat('c')
    disk.hold()
    group.receive('a', 'c', {
      kind: 'append',
      term: 2,
      prevIndex: 1,
      prevTerm: 1,
      commit: 0,
      last: 1000,
      round: 0,
      runs: [textRun(2, 2, ['x'])],
    })
    group.deliver({ from: 'a', to: 'c', parcel: snapshot(5, 2, ['a', 'b']) })
    group.campaign('c')
    expect(group.replica('c').role).toBe('candidate')
    disk.release()
    group.act('c', () => {})
    expect(group.replica('c').view).toMatchObject({ role: 'follower', commit: 5 })
  })
})

describe('what waits for the disk', () => {
  test('confirms nothing in a later term that was appended in an earlier one', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.seat('c').disk.hold()
    group.propose('a', 'x')
    group.settle()
    group.seat('c').disk.persist(0)
    group.seat('b').now += 1000
    group.receive('a', 'b', { kind: 'timeout-now', term: 2 })
    group.settle(({ to }) => to === 'c')
    expect(group.replica('b').view).toMatchObject({ role: 'leader', term: 3 })
    group.seat('c').disk.release()
    group.act('c', () => {})
    expect(group.pool.filter(({ from }) => from === 'c').map(({ parcel }) => parcel.term)).toEqual([2])
    for (const packet of [...group.pool]) group.deliver({ ...packet, to: 'b' })
    expect(group.replica('b').progressOf(idOf('c'))?.match).toBe(0)
  })

  test('never takes an entry for durable that was overwritten before the disk was done (etcd: append race)', () => {
    const group = new Group(['a', 'b', 'c'])
    const { disk, replica } = group.seat('b')
    disk.hold()
    const base = { kind: 'append', commit: 0, last: 1000, round: 0, prevIndex: 1, prevTerm: 1 } as const
    group.receive('a', 'b', { ...base, term: 2, runs: [textRun(2, 2, ['x', 'y', 'z'])] })
    group.receive('c', 'b', { ...base, term: 3, runs: [textRun(2, 3, ['w'])] })
    disk.persist(2)
    group.act('b', () => {})
    expect([termsOf(replica), replica.view.durable]).toEqual([[1, 3], 1])
    expect(group.take('append-ack', 'b', 'a')).toMatchObject([{ term: 2, match: 4 }])
    expect(group.take('append-ack', 'b', 'c')).toEqual([])
    disk.persist()
    group.act('b', () => {})
    expect(replica.view.durable).toBe(2)
    expect(group.take('append-ack', 'b', 'c')).toMatchObject([{ term: 3, match: 2 }])
  })

  test('confirms no entry that a snapshot replaced before the disk was done', () => {
    const group = new Group(['a', 'b', 'c'])
    const { disk, replica } = group.seat('b')
    disk.hold()
    const base = { kind: 'append', term: 2, commit: 0, last: 1000, round: 0, prevIndex: 1, prevTerm: 1 } as const
    group.receive('a', 'b', { ...base, runs: [textRun(2, 2, ['x', 'y'])] })
    disk.keepSnapshot(9, 2, 0, replica.members)
    group.act('b', () => replica.installSnapshot(9, 2, 0, replica.members))
    disk.persist(2)
    group.act('b', () => {})
    expect(group.take('append-ack', 'b', 'a')).toEqual([])
    disk.persist()
    group.act('b', () => {})
    expect([replica.view.durable, group.take('append-ack', 'b', 'a')]).toEqual([9, []])
  })

  test('is told in one confirmation instead of many, without losing a round', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    const { disk } = group.seat('b')
    disk.hold()
    const { term } = group.replica('a')
    const base = { kind: 'append', term, commit: 2, last: 1000, prevTerm: 2, runs: [] } as const
    for (let round = 1; round <= 50; round++) group.receive('a', 'b', { ...base, prevIndex: 2, round })
    group.receive('a', 'b', { ...base, prevIndex: 2, round: 60, runs: [textRun(3, 2, ['x'])] })
    for (let i = 0; i < 50; i++) group.receive('a', 'b', { ...base, prevIndex: 3, round: 60 })
    group.receive('a', 'b', { ...base, prevIndex: 3, round: 40 })
    disk.persist()
    group.act('b', () => {})
    const told = group.take('append-ack', 'b', 'a').map(({ match, round }) => [match, round])
    expect(told.slice(-2)).toEqual([
      [3, 60],
      [3, 40],
    ])
    expect(told.length).toBe(52)
  })
})
