import { describe, expect, test } from 'vitest'
import { must } from '../lib/assert.ts'
import { Bench } from './bench.contract.ts'
import { Puppet, strangerNamed, TestClient } from './puppet.contract.ts'

describe('a group at rest', () => {
  test.each(['memory', 'fsync'] as const)('wants no tick but in the future (%s)', (durability) => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability })
    const client = new TestClient(bench)
    client.send(1, 2, 3)
    for (let i = 0; i < 400; i++) {
      bench.pass(7)
      for (const seat of bench.seats.values()) expect(seat.deadline).toBeGreaterThan(bench.now)
    }
  })

  test('wakes each server a few dozen times a second at most', () => {
    const bench = Bench.formed()
    let ticks = 0
    bench.alsoInTurn = () => {
      ticks++
      return []
    }
    bench.pass(1000)
    // Ten heartbeats, each with its answers: every input of one server makes a turn of all three here.
    expect(ticks / 3).toBeLessThan(100)
  })

  test('wants no tick but in the future while a server is away, forming or joining', () => {
    const bench = new Bench(['a', 'b', 'c'])
    bench.start('b')
    const check = () => {
      for (let i = 0; i < 100; i++) {
        bench.pass(13)
        for (const seat of bench.seats.values()) if (seat.isUp) expect(seat.deadline).toBeGreaterThan(bench.now)
      }
    }
    check()
    bench.start('a')
    bench.start('c')
    bench.pass(3000)
    bench.kill('c')
    check()
    bench.start('c')
    check()
  })
})

describe('a server', () => {
  test('tells its status to whoever asks as an administrator, and to nobody else', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const client = new TestClient(bench)
    client.send(1)
    const puppet = new Puppet(bench, 'p')
    puppet.say(puppet.greet(leader.name, 'admin'), { kind: 'status-query' })
    const [answer] = puppet.take('status')
    const { term, last, stateHash } = leader.status
    const common = { role: 'leader', leader: leader.name, term, last, commit: last, applied: last, stateHash }
    expect(answer?.status).toMatchObject({ ...common, clients: 1, documents: 1, repairing: false, majorityLost: false })
    expect(answer?.status.members.map(({ voter, lag, connected }) => [voter, lag, connected])).toEqual([
      [true, 0, true],
      [true, 0, true],
      [true, 0, true],
    ])
    puppet.say(puppet.greet(leader.name, 'client'), { kind: 'status-query' })
    expect(puppet.take('status')).toEqual([])
  })

  test('tells the lag of members only while it leads', () => {
    const bench = Bench.formed()
    const seat = must(bench.followers()[0], 'a follower')
    expect(seat.status.members.map(({ lag }) => lag)).toEqual([undefined, undefined, undefined])
    bench.kill(seat.name)
    const client = new TestClient(bench)
    client.send(1)
    const entry = bench.leader().status.members.find(({ server }) => server === seat.machine.id)
    expect(entry).toMatchObject({ lag: 2, connected: false })
  })

  test('says nothing any more once it has stopped', () => {
    const bench = Bench.formed(['a'])
    const seat = bench.seat('a')
    seat.act([{ kind: 'shutdown' }, { kind: 'tick' }])
    expect(seat.stop?.reason).toBe('stopped')
    expect(seat.machine.status().role).toBe('stopped')
    expect(seat.machine.step({ kind: 'tick' }, bench.now + 1000)).toEqual([])
    expect(seat.machine.nextDeadline()).toBeUndefined()
  })

  test('stops burnt when its disk fails, and not when it is only full', () => {
    for (const [code, reason, burnt] of [
      ['EIO', 'disk-failed', true],
      ['ENOSPC', 'disk-full', false],
    ] as const) {
      const bench = Bench.formed(['a'], { durability: 'fsync' })
      const seat = bench.seat('a')
      const client = new TestClient(bench)
      seat.folder.fault = () => ({ code, message: 'it broke' })
      client.send(1)
      expect(seat.stop).toMatchObject({ reason, text: 'it broke', burnt })
      expect(client.numbers()).toEqual([])
    }
  })

  test('keeps nothing of its last leadership when it leads again at once', () => {
    const bench = Bench.formed(['a', 'b'])
    bench.seat('b').act([{ kind: 'shutdown' }])
    bench.pass(3000)
    const seat = bench.leader()
    expect(seat.replica.members.voters).toEqual([seat.machine.id])
    const client = new TestClient(bench)
    client.send(1)
    // Alone, it wins the next election in the very turn in which it heard of another leader.
    const puppet = new Puppet(bench, 'p')
    const peer = puppet.greet('a', 'peer', { server: strangerNamed('b') })
    const term = seat.status.term + 1
    puppet.say(peer, { kind: 'heartbeat', term, commit: 0, round: 0 }, { kind: 'timeout-now', term })
    bench.pass(10)
    expect(seat.status).toMatchObject({ role: 'leader', term: term + 1 })
    expect(client.puppet.isClosed(client.link)).toBe(true)
    expect(client.move()).toBe(2)
    client.read({ kind: 'barrier' })
    expect(client.puppet.take('answers')).toHaveLength(1)
  })
})
