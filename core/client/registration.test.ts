import { describe, expect, it } from 'vitest'
import { hex } from '../lib/bytes.ts'
import type { HistoryId } from '../wire/ids.ts'
import { Bench, history } from './bench.contract.ts'

const closed = (bench: Bench, refused = true) =>
  bench.step({ kind: 'closed', link: bench.link, refused, reason: refused ? 'refused' : 'reset' })

/** A client that lost the link on which it was attached, and is on the way to another server. */
function goingElsewhere(): Bench {
  const bench = new Bench()
  bench.begin()
  closed(bench, false)
  bench.connect()
  return bench
}

describe('registering', () => {
  const nonces = (bench: Bench) =>
    bench.sent().flatMap((message) => (message.kind === 'register' ? [message.nonce] : []))

  it('asks with the same nonce again and again, at whichever server, until one answers', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    bench.pass(1100)
    const asked = nonces(bench)
    expect(asked).toHaveLength(3)
    expect(new Set(asked.map(hex)).size).toBe(1)
    closed(bench, false)
    bench.connect()
    bench.welcome()
    expect(nonces(bench)).toEqual(asked.slice(0, 1))
    bench.registered(42)
    expect(bench.events).toEqual([{ kind: 'registered', client: 42, history }])
    expect(bench.sent()).toEqual([{ kind: 'attach', client: 42, from: 1 }])
    bench.pass(600)
    expect(bench.kinds()).toEqual(['attach'])
    bench.attached(1, 100, 42)
    expect(bench.events.at(-1)).toEqual({ kind: 'attached', server: 'a', resent: 0 })
  })

  it('does not take a second registration or attachment, nor one of somebody else', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    bench.registered(42)
    bench.registered(43)
    bench.attached(1, 100, 43)
    expect(bench.events).toHaveLength(1)
    bench.attached(1, 100, 42)
    bench.attached(9, 100, 42)
    expect(bench.events).toHaveLength(2)
    expect(bench.machine.stats().registered).toBe(1)
  })

  it('reports that the group takes no more clients and goes on asking', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    const first = nonces(bench)
    bench.hear({ kind: 'refused', code: 'TOO_MANY_CLIENTS', what: 'register', read: 0, leader: '' })
    const text = 'register was refused: the group has as many clients as it accepts'
    expect(bench.events).toEqual([{ kind: 'refused', code: 'TOO_MANY_CLIENTS', text }])
    bench.pass(25)
    bench.connect()
    bench.welcome()
    expect(nonces(bench)).toEqual(first)
  })

  it('has another nonce for another registration', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    const first = nonces(bench)
    bench.registered()
    bench.refuse('EXPIRED')
    expect(bench.events.at(-1)).toEqual({ kind: 'expired', client: 7 })
    expect(bench.address).toBe('a:1')
    bench.connect()
    bench.welcome()
    const second = nonces(bench)
    expect(second).toHaveLength(1)
    expect(second).not.toEqual(first)
  })

  it('does not run hot against a server that expires it whenever it attaches', () => {
    const bench = new Bench()
    bench.connect()
    while (bench.now < 20_000) {
      const dials = bench.dials.length
      bench.welcome()
      bench.registered()
      bench.refuse('EXPIRED')
      while (bench.dials.length === dials) bench.pass(1)
      bench.connect()
    }
    expect(bench.dials.length).toBeLessThan(100)
  })

  it('leaves a server that expects a number that was never given or is settled already', () => {
    const bench = new Bench()
    bench.begin()
    bench.submit(1)
    bench.turn()
    bench.result(1)
    for (const expected of [3, 1]) {
      const dials = bench.dials.length
      closed(bench, false)
      while (bench.dials.length === dials) bench.pass(1)
      bench.connect()
      bench.welcome()
      bench.attached(expected)
      expect(bench.closes.at(-1)?.reason).toBe(`the server expects request ${expected}`)
      bench.pass(1000)
    }
  })

  it('registers anew in another history', () => {
    const other = '00000000000000bb' as HistoryId
    const bench = goingElsewhere()
    bench.refuseHistory('b', other)
    expect(bench.helloHistory).toBe(undefined)
    expect(bench.events.at(-1)).toEqual({ kind: 'other-history', history: other })
    expect(bench.kinds()).toEqual(['register'])
    bench.registered(3)
    bench.attached(1, 100, 3)
    expect(bench.events.at(-1)).toEqual({ kind: 'attached', server: 'b', resent: 0 })
    expect(bench.machine.stats().registered).toBe(2)
  })

  it('keeps its registration from servers of another history that do not serve', () => {
    const other = '00000000000000bb' as HistoryId
    const bench = goingElsewhere()
    bench.welcome('b', other)
    // Nobody believes that a server was taken over which knows nothing of the registration.
    bench.attached(1)
    bench.refuse('NOT_LEADER', 'c:1')
    bench.connect()
    bench.welcome('c')
    expect(bench.helloHistory).toBe(history)
    bench.attached(1)
    expect(bench.events.map(({ kind }) => kind)).toEqual(['registered', 'attached', 'detached', 'attached'])
    expect(bench.machine.stats().registered).toBe(1)
  })
})
