import { describe, expect, it } from 'vitest'
import type { GroupId, Link, ServerId } from '../wire/ids.ts'
import { Bench, group, history } from './bench.contract.ts'

const closed = (bench: Bench, refused = true) =>
  bench.step({ kind: 'closed', link: bench.link, refused, reason: refused ? 'refused' : 'reset' })

describe('finding a server', () => {
  it('dials the first address on the first tick and greets it as a client', () => {
    const bench = new Bench()
    expect(bench.machine.nextDeadline()).toBe(0)
    bench.connect()
    expect(bench.dials).toEqual([{ link: 1, address: 'a:1', at: 1000 }])
    expect(bench.hello).toMatchObject({ purpose: 'client', group, server: undefined, connection: 1 })
  })

  it('says hello again until it is answered, then never more', () => {
    const bench = new Bench()
    bench.connect()
    bench.pass(600)
    expect(bench.kinds()).toEqual(['hello', 'hello', 'hello'])
    bench.pass(200)
    bench.welcome()
    bench.pass(400)
    expect(bench.kinds()).toEqual(['register'])
    expect(bench.admitted).toBe(1)
  })

  it('takes a second welcome for the echo that it is', () => {
    const bench = new Bench()
    bench.connect()
    const { connection } = bench.hello
    const server = 'a#0000000000000001' as ServerId
    for (let i = 0; i < 3; i++) bench.hear({ kind: 'welcome', protocol: 1, group, history, server, connection })
    expect(bench.kinds()).toEqual(['register'])
  })

  it('does not take an answer to another hello', () => {
    const bench = new Bench()
    bench.connect()
    const server = 'a#0000000000000001' as ServerId
    bench.hear({ kind: 'welcome', protocol: 1, group, history, server, connection: 2 })
    bench.hear({ kind: 'unwelcome', code: 'OTHER_GROUP', text: '', connection: 2 })
    expect(bench.kinds()).toEqual(['hello'])
    expect(bench.events).toEqual([])
  })

  it('goes to the next address at once after one loss, and with longer and longer waits after more', () => {
    const bench = new Bench()
    bench.step({ kind: 'tick' })
    for (let i = 0; i < 40; i++) {
      closed(bench)
      while (bench.dials.length === i + 1) bench.pass(1)
    }
    const waits = bench.dials.slice(1).map((dial, i) => dial.at - (bench.dials[i]?.at ?? 0))
    expect(waits[0]).toBeLessThanOrEqual(1)
    expect(waits.slice(1, 3).every((wait) => wait >= 12 && wait <= 26)).toBe(true)
    expect(waits.slice(-10).every((wait) => wait >= 499 && wait <= 1001)).toBe(true)
    expect(new Set(waits.slice(-10)).size).toBeGreaterThan(5)
    expect(bench.dials.slice(0, 4).map((dial) => dial.address)).toEqual(['a:1', 'b:1', 'c:1', 'a:1'])
    expect(bench.dials.map((dial) => dial.link)).toEqual(bench.dials.map((_, i) => i + 1))
    expect(bench.machine.stats().reconnects).toBe(40)
  })

  it('gives up a server that never answers the dial, the hello or the registration', () => {
    for (const steps of [0, 1, 2]) {
      const bench = new Bench()
      bench.step({ kind: 'tick' })
      if (steps > 0) bench.connect()
      if (steps > 1) bench.welcome()
      bench.pass(1499)
      expect(bench.dials).toHaveLength(1)
      bench.pass(1)
      expect(bench.closes).toEqual([{ link: 1, reason: 'silent' }])
      expect(bench.dials.at(-1)).toEqual({ link: 2, address: 'b:1', at: 2500 })
    }
  })

  it('gives up an attached server that falls silent, and not one that answers keepalives', () => {
    const bench = new Bench()
    bench.begin()
    for (let i = 0; i < 10; i++) {
      bench.pass(300)
      expect(bench.kinds()).toEqual(['keepalive'])
      bench.hear({ kind: 'keepalive-answer', sentAt: bench.now })
    }
    bench.pass(1500)
    expect(bench.closes).toEqual([{ link: 1, reason: 'silent' }])
    expect(bench.events.at(-1)).toEqual({ kind: 'detached', reason: 'silent' })
    expect(bench.address).toBe('b:1')
  })

  it('reconnects at once when an attached link breaks', () => {
    const bench = new Bench()
    bench.begin()
    bench.pass(300)
    closed(bench, false)
    expect(bench.dials.at(-1)).toEqual({ link: 2, address: 'b:1', at: 1300 })
  })

  it('does not run hot against a server that takes it in and drops it at once', () => {
    const bench = new Bench()
    bench.begin()
    for (let i = 0; i < 20; i++) {
      closed(bench, false)
      while (bench.dials.length === i + 1) bench.pass(1)
      bench.connect()
      bench.welcome()
      bench.attached()
    }
    expect(bench.now).toBeGreaterThan(3000)
  })
})

describe('redirects', () => {
  it('follows the first without a wait', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    bench.hear({ kind: 'refused', code: 'NOT_LEADER', what: 'register', read: 0, leader: 'elsewhere:9' })
    expect(bench.closes).toEqual([{ link: 1, reason: 'redirected' }])
    expect(bench.dials.at(-1)).toEqual({ link: 2, address: 'elsewhere:9', at: 1000 })
    expect(bench.machine.stats().redirects).toBe(1)
  })

  it('follows another without a wait once it has waited', () => {
    const bench = new Bench()
    const sayNotLeader = (leader: string) => {
      bench.connect()
      bench.welcome()
      bench.hear({ kind: 'refused', code: 'NOT_LEADER', what: 'register', read: 0, leader })
    }
    sayNotLeader('b:1')
    sayNotLeader('')
    bench.pass(25)
    expect(bench.dials).toHaveLength(3)
    const { now } = bench
    sayNotLeader('c:1')
    expect(bench.dials.at(-1)).toEqual({ link: 4, address: 'c:1', at: now })
  })

  it('does not run hot between servers that name each other', () => {
    const bench = new Bench()
    bench.step({ kind: 'tick' })
    while (bench.now < 20_000) {
      const dials = bench.dials.length
      bench.connect()
      bench.welcome()
      bench.hear({ kind: 'refused', code: 'NOT_LEADER', what: 'register', read: 0, leader: dials % 2 ? 'b:1' : 'a:1' })
      while (bench.dials.length === dials) bench.pass(1)
    }
    expect(bench.dials.length).toBeLessThan(100)
    expect(bench.dials.length).toBeGreaterThan(20)
  })

  it('tries the next address after a wait when nobody knows a leader', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    bench.hear({ kind: 'refused', code: 'NOT_LEADER', what: 'register', read: 0, leader: '' })
    expect(bench.dials).toHaveLength(1)
    bench.pass(25)
    expect(bench.address).toBe('b:1')
  })

  it('does not dial what can not be an address', () => {
    const bench = new Bench()
    bench.connect()
    bench.welcome()
    bench.hear({ kind: 'refused', code: 'NOT_LEADER', what: 'register', read: 0, leader: 'x'.repeat(1000) })
    bench.pass(25)
    expect(bench.address).toBe('b:1')
  })

  it('passes by a server without a history', () => {
    const bench = new Bench()
    bench.connect()
    const { connection } = bench.hello
    const server = 'a#0000000000000001' as ServerId
    bench.hear({ kind: 'welcome', protocol: 1, group, history: undefined, server, connection })
    expect(bench.kinds()).toEqual([])
    bench.pass(25)
    expect(bench.address).toBe('b:1')
  })

  it('goes on elsewhere when a server stops', () => {
    const bench = new Bench()
    bench.begin()
    bench.refuse('STOPPING')
    bench.pass(25)
    expect(bench.address).toBe('b:1')
  })
})

describe('servers that are not ours', () => {
  it('reports an unwelcome that is final and leaves that address alone for long', () => {
    const bench = new Bench()
    bench.connect()
    bench.hear({ kind: 'unwelcome', code: 'OTHER_GROUP', text: '', connection: 1 })
    expect(bench.events).toMatchObject([{ kind: 'refused', code: 'OTHER_GROUP' }])
    for (let i = 0; i < 30; i++) {
      expect(bench.address).not.toBe('a:1')
      closed(bench)
      bench.pass(300)
    }
    bench.pass(5000)
    for (let i = 0; i < 4 && bench.address !== 'a:1'; i++) {
      closed(bench)
      bench.pass(2000)
    }
    expect(bench.address).toBe('a:1')
  })

  it('waits when every address is to be left alone', () => {
    const bench = new Bench({ addresses: ['a:1', 'b:1'] })
    bench.connect()
    bench.hear({ kind: 'unwelcome', code: 'OTHER_PROTOCOL', text: 'no', connection: 1 })
    bench.connect()
    bench.hear({ kind: 'unwelcome', code: 'OTHER_PROTOCOL', text: 'no', connection: 2 })
    bench.pass(9900)
    expect(bench.dials.map((dial) => dial.address)).toEqual(['a:1', 'b:1'])
    bench.pass(200)
    expect(bench.dials.at(-1)).toMatchObject({ address: 'a:1', at: 11_000 })
  })

  it('sees by itself that a server is of another group or speaks another protocol', () => {
    const server = 'a#0000000000000001' as ServerId
    const other = 'ffffffffffffffffffffffffffffffff' as GroupId
    for (const [answer, code] of [
      [{ group: other, protocol: 1 }, 'OTHER_GROUP'],
      [{ group, protocol: 99 }, 'OTHER_PROTOCOL'],
    ] as const) {
      const bench = new Bench()
      bench.connect()
      bench.hear({ kind: 'welcome', history, server, connection: 1, ...answer })
      expect(bench.events).toMatchObject([{ kind: 'refused', code }])
      expect(bench.address).toBe('b:1')
    }
  })

  it('takes any group when it was told none', () => {
    const bench = new Bench({ group: undefined })
    bench.begin()
    expect(bench.events.map((event) => event.kind)).toEqual(['registered', 'attached'])
  })

  it('retries an unwelcome that may pass, after a wait and without a report', () => {
    const bench = new Bench()
    bench.connect()
    bench.hear({ kind: 'unwelcome', code: 'NOT_FORMED', text: '', connection: 1 })
    expect(bench.events).toEqual([])
    expect(bench.dials).toHaveLength(1)
    bench.pass(25)
    expect(bench.address).toBe('b:1')
  })

  it('leaves a server that sends nonsense', () => {
    const nonsense = new Bench()
    nonsense.begin()
    nonsense.step({ kind: 'frame', link: nonsense.link, frame: Uint8Array.of(255, 1, 2) })
    expect(nonsense.closes).toEqual([{ link: 1, reason: 'malformed frame' }])
    const peer = new Bench()
    peer.begin()
    peer.step({ kind: 'frame', link: peer.link, frame: Uint8Array.of(18) })
    expect(peer.closes).toHaveLength(1)
  })

  it('hears nothing from links that are over', () => {
    const bench = new Bench()
    bench.begin()
    bench.submit(1)
    bench.turn()
    closed(bench, false)
    const old = 1 as Link
    bench.hear({ kind: 'results', results: [{ number: 1, index: 5, outcome: { kind: 'cancelled' } }] }, old)
    bench.hear({ kind: 'refused', code: 'EXPIRED', what: 'attach', read: 0, leader: '' }, old)
    bench.step({ kind: 'closed', link: old, refused: false, reason: '' })
    bench.step({ kind: 'connected', link: old })
    bench.step({ kind: 'frame', link: old, frame: Uint8Array.of(255) })
    expect(bench.answers).toEqual([])
    expect(bench.dials).toHaveLength(2)
  })
})
