import { describe, expect, test } from 'vitest'
import { must } from '../lib/assert.ts'
import { Bench } from './bench.contract.ts'
import { creating, Puppet, strangerNamed, TestClient } from './puppet.contract.ts'

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

describe('the order to recover', () => {
  function recovered(durability: 'memory' | 'fsync' = 'fsync') {
    const bench = Bench.formed(['a', 'b', 'c'], { durability })
    const client = new TestClient(bench)
    client.send(1, 2)
    const seat = bench.leader()
    const others = bench.followers().map(({ name }) => name)
    for (const name of others) bench.kill(name)
    const before = seat.status.history
    bench.pass(3000)
    seat.act([{ kind: 'recover' }])
    seat.turn()
    bench.pass(1000)
    return { bench, client, seat, others, before }
  }

  test('begins another history with everything that is held', () => {
    const { bench, seat, before } = recovered()
    expect(bench.leader()).toBe(seat)
    expect(seat.status.history).not.toBe(before)
    expect(seat.status).toMatchObject({ documents: 2, clients: 0 })
    expect(seat.replica.members.voters).toEqual([seat.machine.id])
    expect(seat.status.majorityLost).toBe(false)
  })

  test('tells clients of the old history, whatever they say, and serves those of the new', () => {
    const { bench, client, seat, before } = recovered()
    client.codes()
    const link = client.puppet.greet(seat.name, 'client', { connection: 9, history: before })
    expect(client.puppet.take('welcome').at(-1)?.history).toBe(seat.status.history)
    const { last } = seat.status
    client.puppet.say(
      link,
      { kind: 'attach', client: client.client, from: 1 },
      { kind: 'requests', commands: [creating(client.client, 9)] },
      { kind: 'register', nonce: new Uint8Array(16) },
      { kind: 'read', read: 5, query: { kind: 'barrier' } },
      { kind: 'keepalive', sentAt: 1 },
      { kind: 'goodbye' },
    )
    expect(client.puppet.take('refused').map(({ code, what, read }) => [code, what, read])).toEqual([
      ['OTHER_HISTORY', 'attach', 0],
      ['OTHER_HISTORY', 'request', 0],
      ['OTHER_HISTORY', 'register', 0],
      ['OTHER_HISTORY', 'read', 5],
      ['OTHER_HISTORY', 'keepalive', 0],
    ])
    expect(seat.status.last).toBe(last)
    const next = new TestClient(bench, 2)
    next.sendCommands([])
    next.read({ kind: 'get', space: 's', key: 'k1' })
    expect(next.puppet.take('answers')[0]?.answers[0]?.answer.kind).toBe('document')
  })

  test('ends the connections of the old one, and tells their clients why', () => {
    const bench = Bench.formed()
    const seat = bench.leader()
    for (const { name } of bench.followers()) bench.kill(name)
    bench.pass(3000)
    const puppet = new Puppet(bench, 'p')
    const links = (['client', 'admin'] as const).map((purpose) => puppet.greet(seat.name, purpose))
    seat.act([{ kind: 'recover' }])
    seat.turn()
    bench.pass(0)
    expect(puppet.take('refused', links[0]).map(({ code }) => code)).toEqual(['OTHER_HISTORY'])
    expect(links.map((link) => puppet.isClosed(link))).toEqual([true, true])
  })

  test('lets later servers join that hold nothing, and keeps out those of the old history', () => {
    const { bench, seat, others } = recovered()
    const [lost, old] = others as [string, string]
    bench.seat(lost).folder.files.clear()
    const fresh = bench.start(lost)
    const stale = bench.start(old)
    bench.pass(8000)
    expect(seat.replica.members.voters).toContain(fresh.machine.id)
    expect(fresh.status.history).toBe(seat.status.history)
    expect(fresh.status.stateHash).toBe(seat.status.stateHash)
    expect(seat.replica.members.voters).not.toContain(stale.machine.id)
    expect(stale.isUp).toBe(true)
    expect(seat.events.some((event) => event.kind === 'peer-refused' && event.code === 'OTHER_HISTORY')).toBe(true)
  })

  test('is nothing to a server that leads, or holds nothing', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const { last } = leader.status
    leader.act([{ kind: 'recover' }])
    bench.pass(100)
    expect(leader.status.last).toBe(last)
    const empty = new Bench(['a', 'b'])
    const seat = empty.start('a')
    seat.act([{ kind: 'recover' }])
    empty.pass(100)
    expect(seat.status).toMatchObject({ last: 0, history: undefined })
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
