import { describe, expect, test } from 'vitest'
import { must } from '../lib/assert.ts'
import { Bench } from './bench.contract.ts'
import { Puppet, strangerNamed } from './puppet.contract.ts'

/** A server and a test that plays the other one. */
function pair() {
  const bench = new Bench(['a', 'b'])
  const peer = new Puppet(bench, 'b').listen()
  const seat = bench.start('a')
  bench.pass(0)
  const welcome = (server = strangerNamed('b')) => {
    const { connection } = must(peer.take('hello').at(-1), 'no hello')
    const { group } = seat.machine.status()
    const link = must(peer.links.at(-1), 'not dialled')
    peer.say(link, { kind: 'welcome', protocol: 1, group, history: undefined, server, connection })
    return link
  }
  return { bench, peer, seat, welcome }
}

describe('a server that dials another', () => {
  test('waits longer after each refusal, with jitter, up to a limit', () => {
    const bench = new Bench(['a', 'b'])
    const seat = bench.start('a')
    bench.pass(20_000)
    const times = seat.dials.map(({ at }) => at)
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
    expect(gaps.length).toBeGreaterThan(20)
    gaps.forEach((gap, i) => {
      const backoffMs = Math.min(1000, 25 * 2 ** i)
      expect(gap).toBeGreaterThanOrEqual(backoffMs / 2)
      expect(gap).toBeLessThanOrEqual(backoffMs + 1)
    })
    expect(new Set(gaps.slice(10)).size).toBeGreaterThan(5)
  })

  test('greets again until it is answered, with the same number', () => {
    const { bench, peer, welcome } = pair()
    bench.pass(1000)
    const hellos = peer.take('hello')
    expect(hellos).toHaveLength(5)
    expect(new Set(hellos.map(({ connection }) => connection)).size).toBe(1)
    bench.pass(250)
    welcome()
    bench.pass(1000)
    expect(peer.take('hello')).toEqual([])
  })

  test('dials again at once when an open connection breaks, and under another number', () => {
    const { bench, peer, seat, welcome } = pair()
    const first = must(peer.take('hello')[0], 'no hello')
    bench.pass(250)
    const link = welcome()
    bench.pass(1000)
    peer.close(link)
    expect(seat.dials.at(-1)?.at).toBe(bench.now)
    expect(must(peer.take('hello')[0], 'no hello').connection).toBeGreaterThan(first.connection)
  })

  test('believes no answer to another greeting, nor of another server', () => {
    const { bench, peer, seat } = pair()
    const link = must(peer.links[0], 'not dialled')
    const { connection } = must(peer.take('hello')[0], 'no hello')
    const { group } = seat.machine.status()
    const welcome = { kind: 'welcome', protocol: 1, group, history: undefined, connection } as const
    peer.say(link, { ...welcome, server: strangerNamed('b'), connection: connection + 1 })
    bench.pass(250)
    expect(peer.take('hello')).toHaveLength(1)
    peer.say(link, { ...welcome, server: strangerNamed('c') })
    expect(peer.isClosed(link)).toBe(true)
  })

  test('takes no refusal for its end but one that answers its greeting', () => {
    const { bench, peer, seat, welcome } = pair()
    const link = welcome()
    peer.say(link, { kind: 'unwelcome', code: 'OTHER_GROUP', text: '', connection: 1 })
    expect(seat.closes).toEqual([])
    peer.close(link)
    bench.pass(0)
    const { connection } = must(peer.take('hello').at(-1), 'no hello')
    const next = must(peer.links.at(-1), 'not dialled')
    peer.say(next, { kind: 'unwelcome', code: 'OTHER_GROUP', text: 'no', connection: connection + 1 })
    expect(seat.closes).toEqual([])
    peer.say(next, { kind: 'unwelcome', code: 'OTHER_GROUP', text: 'no', connection })
    expect(seat.closes).toMatchObject([{ reason: 'OTHER_GROUP' }])
  })
})

describe('a follower', () => {
  test('replaces a leader fast when nobody answers at its address any more', () => {
    const bench = Bench.formed()
    const { name } = bench.leader()
    bench.kill(name)
    bench.pass(200)
    expect(bench.leader().name).not.toBe(name)
  })

  test('replaces a leader fast when another incarnation answers at its address', () => {
    const bench = Bench.formed()
    const { name } = bench.leader()
    bench.kill(name)
    bench.start(name)
    bench.pass(200)
    expect(bench.leader().name).not.toBe(name)
  })

  test('keeps its leader when a connection merely broke', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const { term } = leader.status
    for (const { name } of bench.followers()) bench.sever(leader.name, name)
    bench.pass(3000)
    expect(bench.leader()).toBe(leader)
    expect(leader.status.term).toBe(term)
  })
})
