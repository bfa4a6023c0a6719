import { describe, expect, test } from 'vitest'
import { entryAt, Group, idOf, type Packet, termsOf } from './group.contract.ts'

const anyOf =
  (...names: string[]) =>
  ({ from, to }: Packet) =>
    names.includes(from) || names.includes(to)

describe('a leader', () => {
  test('opens its term with an entry, and serves only when that is committed (Raft paper, section 8)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.campaign('a')
    group.settle((packet) => packet.parcel.kind === 'append-ack')
    const { replica } = group.seat('a')
    expect([replica.role, replica.isReady, entryAt(replica, 2), replica.commit]).toEqual(['leader', false, '2 noop', 0])
    expect(replica.changeMembers(replica.members, 0)).toBe(false)
    group.tick('a', 100)
    group.settle()
    expect([replica.isReady, replica.commit]).toEqual([true, 2])
  })

  test('commits entries of earlier terms only together with one of its own (section 5.4.2)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.begin('a', [1, 2, 2], 2, 1)
    group.begin('b', [1, 2, 2], 2, 1)
    group.campaign('a')
    group.settle((packet) => anyOf('c')(packet) || (packet.parcel.kind === 'append-ack' && packet.parcel.match === 4))
    const { replica } = group.seat('a')
    expect([replica.role, replica.progressOf(idOf('b'))?.match, replica.commit]).toEqual(['leader', 0, 1])
    group.receive('b', 'a', {
      kind: 'append-ack',
      term: 3,
      round: 0,
      prevIndex: 0,
      match: 3,
      hintIndex: 0,
      hintTerm: 0,
      repairing: false,
      checkpoint: 0,
      stateHash: '',
    })
    expect([replica.progressOf(idOf('b'))?.match, replica.commit]).toEqual([3, 1])
    group.tick('a', 100)
    group.settle(anyOf('c'))
    expect([replica.progressOf(idOf('b'))?.match, replica.commit]).toEqual([4, 4])
  })

  test('counts itself only for what its own disk holds, and does without itself (thesis, section 10.2.1)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.seat('a').disk.hold()
    group.propose('a', 'x')
    group.settle(anyOf('c'))
    expect([group.replica('a').commit, group.replica('b').view.durable]).toEqual([2, 3])
    group.tick('a', 100)
    group.settle()
    expect([group.replica('a').commit, group.replica('a').view.durable]).toEqual([3, 2])
  })

  test('steps down when no majority answers for an election timeout, and not before', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    for (let i = 0; i < 20; i++) {
      group.tick('a', 100)
      group.settle(anyOf('c'))
    }
    expect(group.replica('a').role).toBe('leader')
    for (let i = 0; i < 9; i++) group.tick('a', 100)
    expect(group.replica('a').role).toBe('leader')
    group.tick('a', 100)
    expect(group.replica('a').view).toMatchObject({ role: 'follower', term: 2, votedFor: idOf('a') })
  })

  test('confirms a read round only by answers to what was sent after the round began (thesis, section 6.4)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x')
    const begun = group.act('a', (replica) => replica.beginRound())
    group.settle((packet) => packet.parcel.kind === 'heartbeat')
    expect(group.replica('a').commit).toBe(3)
    expect(group.replica('a').confirmedRound).toBeLessThan(begun)
    const next = group.act('a', (replica) => replica.beginRound())
    group.settle(anyOf('c'))
    expect(group.replica('a').confirmedRound).toBe(next)
  })

  test('confirms a round in a joint configuration by both halves', () => {
    const group = new Group(['a', 'b', 'c'], ['d', 'e'])
    group.elect('a')
    group.changeMembers('a', ['a', 'd', 'e'])
    const round = group.act('a', (replica) => replica.beginRound())
    group.settle(anyOf('d', 'e'))
    expect([group.replica('a').confirmedRound < round, group.replica('a').commit]).toEqual([true, 2])
    const later = group.act('a', (replica) => replica.beginRound())
    group.settle(anyOf('d'))
    expect([group.replica('a').confirmedRound, group.replica('a').commit]).toEqual([later, 4])
  })

  test('refuses entries beyond the limit of what is uncommitted, and takes them again when there is room', () => {
    const group = new Group(['a', 'b', 'c'], [], { uncommittedBytesMax: 20 })
    group.elect('a')
    expect(group.propose('a', 'x'.repeat(25))).toBe(3)
    expect(group.propose('a', 'y')).toBe(undefined)
    expect(group.replica('a').uncommittedBytes).toBe(26)
    group.settle()
    expect(group.propose('a', 'y')).toBe(4)
    expect(group.propose('b', 'z')).toBe(undefined)
  })

  test('keeps its window bounded, and finds out what was lost of it (etcd #14633)', () => {
    const group = new Group(['a', 'b', 'c'], [], { inflightMessagesMax: 3 })
    group.elect('a')
    for (let i = 0; i < 8; i++) group.propose('a', `x${i}`)
    expect(group.take('append', 'a', 'b')).toHaveLength(3)
    expect(group.replica('a').progressOf(idOf('b'))).toMatchObject({ inflightMessages: 3, next: 6 })
    group.tick('a', 100)
    group.settle()
    expect(group.replica('b').commit).toBe(10)
  })

  test('hands over to a voter that has everything, and takes no entry meanwhile', () => {
    const group = new Group(['a', 'b', 'c'], ['d'])
    group.elect('a')
    const transferTo = (name: string) => group.act('a', (replica, now) => replica.transfer(idOf(name), now))
    expect(['a', 'd', 'x'].map(transferTo)).toEqual([false, false, false])
    group.propose('a', 'x')
    expect(transferTo('b')).toBe(true)
    expect(group.take('timeout-now', 'a', 'b')).toEqual([])
    expect(group.propose('a', 'y')).toBe(undefined)
    group.settle()
    expect(group.replica('b').view).toMatchObject({ role: 'leader', term: 3, commit: 4 })
    expect(group.replica('a').leader).toBe(idOf('b'))
  })

  test('takes its office back when a transfer is not taken up in time; a late order then moves it all the same', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.act('a', (replica, now) => replica.transfer(idOf('b'), now))
    const [late] = group.take('timeout-now', 'a', 'b')
    for (let i = 0; i < 9; i++) {
      group.tick('a', 100)
      group.settle()
    }
    expect(group.propose('a', 'x')).toBe(undefined)
    group.tick('a', 100)
    expect(group.propose('a', 'x')).toBe(3)
    group.settle()
    if (late !== undefined) group.receive('a', 'b', late)
    group.settle()
    expect(group.replica('b').view).toMatchObject({ role: 'leader', term: 3, commit: 4 })
    if (late !== undefined) group.receive('a', 'b', late)
    expect(group.replica('b').term).toBe(3)
  })

  test('does not hand over to a member that repairs its log', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.restart('b', 2)
    group.tick('a', 100)
    group.settle((packet) => packet.parcel.kind === 'append')
    expect(group.replica('a').progressOf(idOf('b'))?.repairing).toBe(true)
    expect(group.act('a', (replica, now) => replica.transfer(idOf('b'), now))).toBe(false)
  })

  test('changes members one step at a time, and leaves when it is not among them (thesis, section 4.2.2)', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    expect(group.changeMembers('b', ['b', 'c'])).toBe(false)
    expect(group.changeMembers('a', ['b', 'c'])).toBe(true)
    expect(group.changeMembers('a', ['a', 'b', 'c'])).toBe(false)
    group.settle((packet) => packet.parcel.kind === 'timeout-now')
    expect(group.replica('a').view).toMatchObject({ role: 'follower', term: 2, commit: 4 })
    group.campaign('a')
    expect(group.take('vote', 'a', 'b')).toEqual([])
    group.seat('c').now += 1000
    group.elect('b')
    expect(group.replica('c').commit).toBe(5)
  })

  test('asks one who has everything to take over when it leaves', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.changeMembers('a', ['b', 'c'])
    group.settle()
    expect(['b', 'c'].filter((name) => group.replica(name).isReady)).toHaveLength(1)
  })

  test('learns how far a snapshot brought a member from what the member stored, not from its thanks', () => {
    const group = new Group(['a', 'b', 'c'])
    group.begin('a', [1], 3, 1)
    group.begin('c', [1, 3, 3], 3, 1)
    group.campaign('a')
    group.settle(anyOf('c'))
    group.propose('a', 'x', 'y')
    group.settle(anyOf('c'))
    group.tick('a', 100)
    group.settle((packet) => packet.to === 'c' && packet.parcel.kind === 'append')
    group.seat('c').disk.hold()
    group.tick('a', 100)
    group.settle()
    expect([termsOf(group.replica('c')), group.replica('c').commit]).toEqual([[1, 4, 4, 4], 4])
    group.compact('a', 4)
    group.sendSnapshot('a', 'c')
    group.settle()
    expect(group.replica('a').progressOf(idOf('c'))?.match).toBe(0)
    group.restart('c')
    expect(termsOf(group.replica('c'))).toEqual([1, 3, 3])
    group.tick('a', 100)
    group.settle()
    group.tick('a', 100)
    for (let i = 0; i < 2; i++) {
      group.sendSnapshot('a', 'c')
      group.settle()
    }
    expect(group.replica('c').commit).toBe(4)
    expect(group.replica('a').progressOf(idOf('c'))).toMatchObject({ state: 'replicate', match: 4 })
  })

  test('that an operator set up alone after a majority was lost can be elected again, whatever was damaged', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    group.propose('a', 'x')
    group.settle((packet) => packet.parcel.kind === 'append-ack')
    group.restart('c', 3)
    for (const name of ['a', 'b']) group.seat(name).isUp = false
    group.act('c', (replica, now) => replica.standAlone('c:1', new Uint8Array(3), 0, now))
    group.settle()
    expect(group.replica('c').view).toMatchObject({ role: 'leader', term: 3, commit: 5 })
    expect(termsOf(group.replica('c'))).toEqual([1, 2, 3, 3, 3])
    group.restart('c')
    group.campaign('c')
    expect(group.replica('c').view).toMatchObject({ role: 'leader', term: 4, commit: 6 })
  })

  test('that an operator set up alone commits nothing before all that it began with is durable', () => {
    const group = new Group(['a', 'b', 'c'])
    group.elect('a')
    const { disk, replica } = group.seat('a')
    const { commit, last } = replica.view
    disk.hold()
    group.act('a', (leader, now) => leader.standAlone('a:1', new Uint8Array(3), 0, now))
    for (let records = 0; records < 3; records++) {
      disk.persist(1)
      group.act('a', () => {})
      expect([replica.commit, replica.isReady]).toEqual([commit, false])
    }
    disk.persist()
    group.act('a', () => {})
    expect([replica.commit, replica.isReady]).toEqual([last + 3, true])
  })
})
