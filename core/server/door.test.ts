import { describe, expect, test } from 'vitest'
import type { GroupId, HistoryId, Link, ServerId } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { Bench, type Seat } from './bench.contract.ts'
import { creating, helloFor, Puppet, strangerNamed, TestClient } from './puppet.contract.ts'

type Hello = Extract<Message, { kind: 'hello' }>

const otherGroup = 'ff'.repeat(16) as GroupId
const otherHistory = 'ff'.repeat(8) as HistoryId

function reportsOf(seat: Seat): readonly string[] {
  return seat.events.flatMap((event) => (event.kind === 'peer-refused' ? [event.code] : []))
}

describe('the door', () => {
  const peer = (name: string) => ({ purpose: 'peer' as const, server: strangerNamed(name) })
  test.each<[string, string, Partial<Hello>]>([
    ['a later protocol', 'OTHER_PROTOCOL', { protocolMin: 1000, protocolMax: 1001 }],
    ['an earlier protocol', 'OTHER_PROTOCOL', { protocolMin: 0, protocolMax: 0 }],
    ['another group', 'OTHER_GROUP', { group: otherGroup }],
    ['a server without a name', 'UNKNOWN_PEER', { purpose: 'peer' }],
    ['a server of another name', 'UNKNOWN_PEER', peer('z')],
    ['a server of the own name', 'UNKNOWN_PEER', peer('a')],
    ['a snapshot of a stranger', 'UNKNOWN_PEER', { purpose: 'snapshot', server: strangerNamed('z') }],
    ['a server of another history', 'OTHER_HISTORY', { ...peer('b'), history: otherHistory }],
  ])('refuses %s, and says so once', (_, code, given) => {
    const bench = Bench.formed()
    const seat = bench.seat('a')
    const puppet = new Puppet(bench, 'p')
    for (let i = 0; i < 3; i++) {
      const link = puppet.greet('a', given.purpose ?? 'client', { ...given, connection: 7 + i })
      expect(puppet.take('unwelcome')).toMatchObject([{ code, connection: 7 + i }])
      expect(puppet.isClosed(link)).toBe(true)
    }
    expect(reportsOf(seat)).toEqual([code])
  })

  test('reports incarnations of one server as one, however many come', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    for (let i = 1; i <= 20; i++) {
      puppet.greet('a', 'peer', { server: strangerNamed('b', i), history: otherHistory })
      puppet.greet('a', 'peer', { server: strangerNamed(`z${i}`) })
    }
    expect(reportsOf(bench.seat('a'))).toEqual(['OTHER_HISTORY', 'UNKNOWN_PEER'])
  })

  test('closes the older connection of a server when a younger one comes', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    const server = strangerNamed('b')
    const links = (['peer', 'peer', 'snapshot'] as const).map((purpose) => puppet.greet('a', purpose, { server }))
    expect(links.map((link) => puppet.isClosed(link))).toEqual([true, false, false])
  })

  test('lets a process have several connections as a client', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    const links = [1, 2].map(() => puppet.greet('a', 'client', { server: strangerNamed('b') }))
    expect(links.map((link) => puppet.isClosed(link))).toEqual([false, false])
  })

  test('answers a greeting that comes twice, each time', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet('a', 'client', { connection: 4 })
    puppet.say(link, helloFor('client', { connection: 4 }))
    expect(puppet.take('welcome').map(({ connection }) => connection)).toEqual([4, 4])
  })

  test('accepts only so many connections, and again when one has ended', () => {
    const bench = Bench.formed(['a'], { limits: { linksMax: 3 } })
    const puppet = new Puppet(bench, 'p')
    const links = [1, 2, 3, 4].map(() => puppet.greet('a', 'client'))
    expect(links.map((link) => puppet.isClosed(link))).toEqual([false, false, false, true])
    for (const link of links.slice(0, 3)) puppet.close(link)
    expect(puppet.isClosed(puppet.greet('a', 'client'))).toBe(false)
  })

  test('has room for servers however many clients there are', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits: { linksMax: 2 } })
    const puppet = new Puppet(bench, 'p')
    const purposes = ['client', 'admin', 'client', 'admin'] as const
    const links = purposes.map((purpose) => puppet.greet('a', purpose))
    expect(links.map((link) => puppet.isClosed(link))).toEqual([false, false, true, true])
    expect(puppet.take('unwelcome').map(({ code }) => code)).toEqual(['BUSY', 'BUSY'])
    for (const purpose of ['peer', 'snapshot'] as const) {
      const link = puppet.greet('a', purpose, { server: strangerNamed('b') })
      expect(puppet.isClosed(link)).toBe(false)
    }
    bench.kill('b')
    bench.start('b')
    bench.pass(5000)
    expect(bench.leader().replica.members.voters).toContain(bench.seat('b').machine.id)
  })

  test('counts those who say nothing apart, and takes others in their place', () => {
    const bench = Bench.formed(['a'], { limits: { greetingsMax: 2 } })
    const puppet = new Puppet(bench, 'p')
    const [first, second, third] = [puppet.dial('a'), puppet.dial('a'), puppet.dial('a')]
    expect([first, second, third].map((link) => puppet.isClosed(link))).toEqual([false, false, true])
    puppet.say(first, helloFor('client'))
    expect(puppet.isClosed(puppet.greet('a', 'client'))).toBe(false)
    puppet.close(second)
    const links = [puppet.dial('a'), puppet.dial('a'), puppet.dial('a')]
    expect(links.map((link) => puppet.isClosed(link))).toEqual([false, false, true])
  })

  test('keeps only a few connections of one server, whatever incarnations it claims to be', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits: { linksPerServerMax: 2 } })
    const puppet = new Puppet(bench, 'p')
    const links = [1, 2, 3].map((number) => puppet.greet('a', 'snapshot', { server: strangerNamed('b', number) }))
    expect(links.map((link) => puppet.isClosed(link))).toEqual([true, false, false])
  })

  test('hangs up on clients and administrators that are silent, and not on servers', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const client = new TestClient(bench)
    const puppet = new Puppet(bench, 'p')
    const server = strangerNamed(bench.followers()[0]?.name ?? '')
    const asking = puppet.greet(leader.name, 'admin')
    const links = (['client', 'admin', 'peer'] as const).map((purpose) =>
      puppet.greet(leader.name, purpose, { server }),
    )
    for (let i = 0; i < 20; i++) {
      client.liveFor(1000)
      puppet.say(asking, { kind: 'status-query' })
      // A greeting that comes again is no reason to stay.
      puppet.say(links[1] as Link, helloFor('admin'))
    }
    expect(links.map((link) => puppet.isClosed(link))).toEqual([true, true, false])
    expect([puppet.isClosed(asking), client.puppet.isClosed(client.link)]).toEqual([false, false])
    expect(leader.closes.map(({ reason }) => reason)).toContain('nothing was said for 15000 ms')
  })

  test('greets nobody before the own name is stored', () => {
    const bench = new Bench(['a', 'b'], { durability: 'fsync' })
    bench.holdsDisks = true
    const seat = bench.start('a')
    const puppet = new Puppet(bench, 'b').listen()
    const link = puppet.greet('a', 'client')
    bench.pass(2000)
    expect(puppet.kinds()).toEqual([])
    expect(seat.dials).toEqual([])
    seat.persist()
    bench.pass(0)
    puppet.say(link, helloFor('client'))
    expect(puppet.take('welcome')).toHaveLength(1)
    expect(seat.dials).toHaveLength(1)
  })

  test('forgets a client whose second greeting it refuses', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    bench.strays = 0
    client.puppet.say(
      client.link,
      { kind: 'requests', commands: [creating(client.client, 1)] },
      helloFor('client', { group: otherGroup }),
    )
    bench.pass(100)
    expect(client.puppet.isClosed(client.link)).toBe(true)
    expect(client.move(bench.leader().name)).toBe(2)
    expect(client.numbers()).toEqual([1])
    expect(bench.strays).toBe(0)
  })

  test('ends a connection on which something malformed or impossible comes', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    const server: ServerId = strangerNamed('b')
    const links = [0, 1].map((i) => puppet.greet('a', i === 0 ? 'client' : 'peer', { server }))
    bench.send(puppet, links[0] as never, Uint8Array.of(250, 1, 2))
    puppet.say(links[1] as never, { kind: 'heartbeat', term: 2 ** 53 - 1, commit: 0, round: 0 })
    expect(links.map((link) => puppet.isClosed(link))).toEqual([true, true])
    bench.pass(5000)
    expect(bench.leader().status.term).toBeLessThan(10)
  })
})
