import { describe, expect, test } from 'vitest'
import { Bench, type Seat } from './bench.contract.ts'
import { creating, Puppet, TestClient } from './puppet.contract.ts'

/** The orders that a server has refused. */
const refusals = (seat: Seat) => seat.events.flatMap((event) => (event.kind === 'order-refused' ? [event.order] : []))

describe('the order to recover', () => {
  /** What is left of a group, some time after its majority went. */
  function bereft(durability: 'memory' | 'fsync' = 'fsync') {
    const bench = Bench.formed(['a', 'b', 'c'], { durability })
    const client = new TestClient(bench)
    client.send(1, 2)
    const seat = bench.leader()
    const others = bench.followers().map(({ name }) => name)
    for (const name of others) bench.kill(name)
    const before = seat.status.history
    bench.pass(3000)
    return { bench, client, seat, others, before }
  }

  function recovered(durability: 'memory' | 'fsync' = 'fsync') {
    const left = bereft(durability)
    left.seat.act([{ kind: 'recover' }])
    left.bench.pass(2000)
    return left
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
    bench.pass(1600)
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

  test('begins a history also when the log has no room for anything else', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync', limits: { uncommittedBytesMax: 264 } })
    const client = new TestClient(bench)
    client.send(1, 2)
    const seat = bench.leader()
    for (const { name } of bench.followers()) bench.kill(name)
    for (let number = 3; number <= 30; number++) client.send(number)
    const { last, history } = seat.status
    expect(last - seat.status.commit).toBeGreaterThan(0)
    bench.pass(3000)
    seat.act([{ kind: 'recover' }])
    seat.turn()
    bench.pass(2000)
    expect(seat.status.history).not.toBe(history)
    expect(seat.status).toMatchObject({ role: 'leader', last: last + 3, commit: last + 3 })
  })

  test('says that a history has begun only when it can get lost no more', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync' })
    const seat = bench.leader()
    for (const { name } of bench.followers()) bench.kill(name)
    const { commit, history } = seat.status
    bench.pass(3000)
    seat.events.length = 0
    seat.isDiskHeld = true
    seat.act([{ kind: 'recover' }])
    bench.pass(2000)
    expect([seat.has('formed'), seat.status.commit, seat.status.history]).toEqual([false, commit, history])
    seat.persist()
    expect(seat.status.history).not.toBe(history)
    expect(seat.events.filter(({ kind }) => kind === 'formed')).toEqual([
      { kind: 'formed', history: seat.status.history },
    ])
  })

  test('is carried out no earlier than 1.6 s after it was given', () => {
    const { bench, seat, before } = bereft()
    seat.act([{ kind: 'recover' }])
    bench.pass(800)
    seat.act([{ kind: 'recover' }])
    bench.pass(799)
    expect([seat.status.role === 'leader', seat.status.history]).toEqual([false, before])
    bench.pass(1)
    expect(seat.status.role).toBe('leader')
    expect(seat.status.history).not.toBe(before)
    expect(refusals(seat)).toEqual([])
  })

  test('names each history anew, however often one process is ordered', () => {
    const { bench, seat, others } = recovered('memory')
    const histories = [seat.status.history]
    bench.start(others[0] ?? '')
    bench.pass(4000)
    expect(seat.replica.members.voters).toHaveLength(2)
    bench.kill(others[0] ?? '')
    bench.pass(3000)
    seat.act([{ kind: 'recover' }])
    bench.pass(2000)
    histories.push(seat.status.history)
    expect(new Set(histories).size).toBe(2)
    expect(seat.events.flatMap((event) => (event.kind === 'formed' ? [event.history] : [])).slice(-2)).toEqual(
      histories,
    )
  })

  test('is over when a leader is heard before it is carried out', () => {
    const { bench, seat, others, before } = bereft()
    seat.act([{ kind: 'recover' }])
    bench.pass(100)
    for (const name of others) bench.start(name)
    bench.pass(5000)
    expect(bench.leader().status.history).toBe(before)
    expect(bench.leader().replica.members.voters).toHaveLength(3)
    expect(refusals(seat)).toEqual(['recover'])
  })

  test('is over when the server starts anew', () => {
    const { bench, seat, before } = bereft()
    seat.act([{ kind: 'recover' }])
    bench.pass(1000)
    bench.kill(seat.name)
    const again = bench.start(seat.name)
    bench.pass(5000)
    expect([again.status.role === 'leader', again.status.history]).toEqual([false, before])
  })

  test('is refused by a server whose leader was heard a moment ago', () => {
    const bench = Bench.formed()
    const [seat] = bench.followers()
    if (seat === undefined) throw new Error('nobody follows')
    const leader = bench.leader()
    const { history } = seat.status
    seat.act([{ kind: 'recover' }])
    bench.pass(3000)
    expect(refusals(seat)).toEqual(['recover'])
    expect(bench.leader()).toBe(leader)
    for (const { status } of bench.seats.values()) expect(status.history).toBe(history)
    for (const { name } of bench.seats.values()) if (name !== seat.name) bench.kill(name)
    bench.pass(1900)
    seat.act([{ kind: 'recover' }])
    expect(refusals(seat)).toEqual(['recover', 'recover'])
    bench.pass(200)
    seat.act([{ kind: 'recover' }])
    bench.pass(1600)
    expect(seat.status.history).not.toBe(history)
  })

  test('is refused by a server that leads, or holds nothing', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const { last } = leader.status
    leader.act([{ kind: 'recover' }])
    bench.pass(2000)
    expect([leader.status.last, refusals(leader)]).toEqual([last, ['recover']])
    const empty = new Bench(['a', 'b'])
    const seat = empty.start('a')
    seat.act([{ kind: 'recover' }])
    empty.pass(2000)
    expect(seat.status).toMatchObject({ last: 0, history: undefined })
    expect(refusals(seat)).toEqual(['recover'])
  })
})

describe('the order to hand leadership over', () => {
  test('goes to a server that is connected, whatever the order of names', () => {
    for (const number of [0, 1]) {
      const bench = Bench.formed()
      const leader = bench.leader()
      const names = bench.followers().map(({ name }) => name)
      const [dead, heir] = number === 0 ? names : names.toReversed()
      bench.kill(dead ?? '')
      leader.act([{ kind: 'transfer', to: undefined }])
      leader.turn()
      bench.pass(50)
      expect(bench.leader().name).toBe(heir)
      expect(refusals(leader)).toEqual([])
    }
  })

  test('goes to whoever has most of the log', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const [behind, heir] = bench.followers()
    const client = new TestClient(bench)
    bench.post = (letter) => (letter.message?.kind === 'append' && letter.to === behind?.name ? [] : [letter])
    client.send(1)
    leader.act([{ kind: 'transfer', to: undefined }])
    leader.turn()
    bench.pass(50)
    expect(bench.leader()).toBe(heir)
  })

  test('is refused where nobody leads, or nobody could take over', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const [follower, dead] = bench.followers()
    if (follower === undefined || dead === undefined) throw new Error('two must follow')
    follower.act([{ kind: 'transfer', to: undefined }])
    expect(refusals(follower)).toEqual(['transfer'])
    bench.kill(dead.name)
    for (const to of [dead.name, leader.name, 'x']) leader.act([{ kind: 'transfer', to: to as never }])
    expect(refusals(leader)).toEqual(['transfer', 'transfer', 'transfer'])
    bench.kill(follower.name)
    leader.act([{ kind: 'transfer', to: undefined }])
    expect(refusals(leader)).toHaveLength(4)
    expect(leader.machine.core.serves).toBe(true)
  })
})
