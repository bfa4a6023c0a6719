import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../wire/command-codec.ts'
import { frameBytesMax } from '../wire/framer.ts'
import { atomGraph, encodeGraph } from '../wire/graph-codec.ts'
import type { ClientIndex, Link } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { addressOf, Bench } from './bench.contract.ts'
import { creating, Puppet, TestClient } from './puppet.contract.ts'

function served(limits = {}, state = {}) {
  const bench = Bench.formed(['a', 'b', 'c'], { limits, state })
  return { bench, client: new TestClient(bench) }
}

function requests(client: TestClient, ...numbers: readonly number[]): Message {
  return { kind: 'requests', commands: numbers.map((number) => creating(client.client, number)) }
}

describe('requests of a client', () => {
  test('are executed in their order, and answered in one frame a turn', () => {
    const { client } = served()
    client.puppet.say(client.link, requests(client, 1, 2), requests(client, 3))
    const frames = client.puppet.take('results')
    expect(frames).toHaveLength(1)
    const results = frames[0]?.results ?? []
    expect(results.map(({ number, outcome }) => [number, outcome.kind])).toEqual([
      [1, 'executed'],
      [2, 'executed'],
      [3, 'executed'],
    ])
    expect(results.map(({ index }) => index - (results[0]?.index ?? 0))).toEqual([0, 1, 2])
  })

  test('behind a gap are asked for again, once a turn', () => {
    const { client } = served()
    client.puppet.say(client.link, requests(client, 1), requests(client, 3), requests(client, 4))
    expect(client.puppet.take('resend')).toMatchObject([{ expected: 2 }])
    expect(client.numbers()).toEqual([1])
    client.send(2, 3, 4)
    expect(client.numbers()).toEqual([2, 3, 4])
  })

  test('that come again get the result that is kept, and do nothing', () => {
    const { bench, client } = served()
    client.send(1)
    const [first] = client.results()
    const { last } = bench.leader().status
    client.puppet.say(client.link, requests(client, 1), requests(client, 1))
    expect(client.puppet.take('results').map(({ results }) => results)).toEqual([[first]])
    expect(bench.leader().status.last).toBe(last)
  })

  test('that come again are answered in one small frame however often they come', () => {
    const { client } = served()
    client.send(1)
    client.results()
    const again = requests(client, ...new Array<number>(40_000).fill(1))
    client.puppet.say(client.link, again, again)
    expect(client.numbers()).toEqual([1])
  })

  test('enter only as many as the client has credit for, and the others later', () => {
    const { bench, client } = served({ creditsPerClient: 3 })
    bench.post = ({ message, ...letter }) => (message?.kind === 'append' ? [] : [{ ...letter, message }])
    client.send(1, 2, 3, 4)
    client.send(4)
    expect(client.codes()).toEqual(['BUSY', 'BUSY'])
    bench.post = (letter) => [letter]
    bench.pass(300)
    expect(client.numbers()).toEqual([1, 2, 3])
    client.send(4, 5)
    expect(client.numbers()).toEqual([4, 5])
  })

  test('enter one at a time while more results are unacknowledged than are kept', () => {
    const { client } = served({}, { resultBytesMax: 40 })
    client.send(1, 2, 3)
    expect(client.numbers()).toEqual([1, 2, 3])
    client.send(4, 5)
    expect([client.numbers(), client.codes()]).toEqual([[4], ['BUSY']])
    client.sendCommands([creating(client.client, 5, 5)])
    client.sendCommands([6, 7].map((number) => creating(client.client, number, 6)))
    expect([client.numbers(), client.codes()]).toEqual([[5, 6, 7], []])
  })

  test('of more bytes than a frame could carry on are refused', () => {
    const { client } = served({ requestBytesMax: 100 })
    const value = encodeGraph(atomGraph('x'.repeat(100)))
    const write = { kind: 'create', space: 's', key: 'k', value } as const
    const body = { kind: 'transaction', after: [], reads: [], writes: [write] } as const
    client.sendCommands([encodeCommand({ kind: 'request', client: client.client, number: 1, ackedBelow: 1, body })])
    expect(client.codes()).toEqual(['TOO_LARGE'])
    client.send(1)
    expect(client.numbers()).toEqual([1])
  })

  test('of another client, or that are no requests, are not looked at', () => {
    const { bench, client } = served()
    const { last } = bench.leader().status
    client.sendCommands([creating(77 as ClientIndex, 1)])
    client.sendCommands([Uint8Array.of(1, 2, 3), creating(client.client, 1)])
    client.sendCommands([encodeCommand({ kind: 'expire', clients: [{ client: client.client, touch: 0 }] })])
    expect([client.numbers(), bench.leader().status.last]).toEqual([[], last])
  })

  test('of a client that is registered nowhere are told so', () => {
    const { bench, client } = served()
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet(bench.leader().name, 'client')
    puppet.say(link, { kind: 'attach', client: 4711 as ClientIndex, from: 1 })
    puppet.say(link, requests(client, 1))
    expect(puppet.take('refused')).toMatchObject([
      { code: 'EXPIRED', what: 'attach' },
      { code: 'EXPIRED', what: 'request' },
    ])
  })

  test('at a server that does not lead are sent to the one that does', () => {
    const { bench } = served()
    const [follower] = bench.followers()
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet(follower?.name ?? '', 'client')
    const client = 1 as ClientIndex
    puppet.say(
      link,
      { kind: 'register', nonce: new Uint8Array(16) },
      { kind: 'attach', client, from: 1 },
      { kind: 'requests', commands: [] },
      { kind: 'read', read: 8, query: { kind: 'barrier' } },
      { kind: 'keepalive', sentAt: 1 },
      { kind: 'goodbye' },
    )
    const leader = addressOf(bench.leader().name)
    expect(puppet.take('refused')).toMatchObject(
      [
        ['register', 0],
        ['attach', 0],
        ['request', 0],
        ['read', 8],
        ['keepalive', 0],
      ].map(([what, read]) => ({ code: 'NOT_LEADER', what, read, leader })),
    )
  })
})

describe('a registration', () => {
  test('with the same nonce gives the same client, on whatever connection', () => {
    const { bench, client } = served()
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet(bench.leader().name, 'client')
    puppet.say(link, { kind: 'register', nonce: client.nonce })
    expect(puppet.take('registered')).toEqual([{ kind: 'registered', client: client.client }])
  })

  test('is one at a time on each connection', () => {
    const { bench } = served()
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet(bench.leader().name, 'client')
    const { last } = bench.leader().status
    const nonces = Array.from({ length: 50 }, (_, i) => new Uint8Array(16).fill(i))
    puppet.say(link, ...nonces.map((nonce): Message => ({ kind: 'register', nonce })))
    expect(puppet.take('registered')).toHaveLength(1)
    expect(puppet.take('refused')).toHaveLength(49)
    expect(bench.leader().status.last).toBe(last + 1)
    puppet.say(link, { kind: 'register', nonce: nonces[1] ?? new Uint8Array(16) })
    expect(puppet.take('registered')).toHaveLength(1)
  })

  test('is refused when the group has as many clients as it accepts', () => {
    const { bench } = served({}, { clientsMax: 1 })
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet(bench.leader().name, 'client')
    puppet.say(link, { kind: 'register', nonce: new Uint8Array(16) })
    expect(puppet.take('refused')).toMatchObject([{ code: 'TOO_MANY_CLIENTS', what: 'register' }])
  })
})

describe('a connection of a client', () => {
  test('takes the client over from an older one, whose requests are dropped from then on', () => {
    const { client } = served()
    const older = client.link
    expect(client.move()).toBe(1)
    client.puppet.say(older, requests(client, 1))
    expect([client.codes(), client.numbers()]).toEqual([[], []])
    client.send(1)
    expect(client.puppet.take('results', client.link)).toHaveLength(1)
  })

  test('takes nothing over from a younger one', () => {
    const { bench, client } = served()
    client.move()
    const late = client.puppet.greet(bench.leader().name, 'client', { connection: 1 })
    client.puppet.say(late, { kind: 'attach', client: client.client, from: 1 })
    expect(client.puppet.take('attached')).toEqual([])
    client.send(1)
    expect(client.puppet.take('results', client.link)).toHaveLength(1)
  })

  test('that attaches is told what is expected next, and every result it asks for', () => {
    const { client } = served()
    client.send(1, 2, 3)
    client.results()
    expect(client.move(undefined, 2)).toBe(4)
    expect(client.numbers()).toEqual([2, 3])
  })

  test('that attaches again and again is answered once a turn with each result', () => {
    const { client } = served()
    client.send(1, 2, 3)
    client.results()
    const again = new Array<Message>(500).fill({ kind: 'attach', client: client.client, from: 1 })
    client.puppet.say(client.link, ...again)
    expect(client.numbers()).toEqual([1, 2, 3])
  })

  test('that turns to another client lives on when the one before is ended', () => {
    const { bench, client } = served()
    const other = new TestClient(bench, 2)
    client.puppet.say(client.link, { kind: 'attach', client: other.client, from: 1 })
    client.liveFor(6000)
    expect(bench.leader().machine.core.state.client(client.client)).toBeUndefined()
    client.client = other.client
    client.send(1)
    expect([client.numbers(), client.codes()]).toEqual([[1], []])
  })

  test('belongs to one term: it is closed when its server stops leading', () => {
    const { bench, client } = served()
    const leader = bench.leader()
    leader.act([{ kind: 'transfer', to: undefined }])
    bench.pass(500)
    expect(bench.leader()).not.toBe(leader)
    expect(client.puppet.isClosed(client.link)).toBe(true)
    expect(client.move()).toBe(1)
    client.send(1)
    expect(client.numbers()).toEqual([1])
  })

  test('whose client does not read is over when the transport says so, and an operator hears of it', () => {
    const { bench, client } = served()
    const leader = bench.leader()
    const link = bench.linksOf(leader).at(-1) as Link
    leader.act([{ kind: 'closed', link, refused: false, reason: 'the other side does not read', unread: true }])
    expect(leader.events.filter(({ kind }) => kind === 'link-unread')).toEqual([
      { kind: 'link-unread', remote: expect.stringMatching(/^client1:/) },
    ])
    client.send(1)
    expect(client.numbers()).toEqual([])
    expect(client.move()).toBe(1)
  })

  test('is sent answers in frames that a transport carries, however many come due in one turn', () => {
    const { bench, client } = served()
    const value = encodeGraph(atomGraph('x'.repeat(900_000)))
    const write = { kind: 'create', space: 's', key: 'k', value } as const
    const body = { kind: 'transaction', after: [], reads: [], writes: [write] } as const
    client.sendCommands([encodeCommand({ kind: 'request', client: client.client, number: 1, ackedBelow: 1, body })])
    let largest = 0
    bench.post = (letter) => {
      largest = Math.max(largest, letter.frame.length)
      return [letter]
    }
    client.read(
      ...new Array<{ kind: 'get'; space: string; key: string }>(8).fill({ kind: 'get', space: 's', key: 'k' }),
    )
    const answers = client.puppet.take('answers').flatMap((frame) => frame.answers)
    expect(answers.map(({ read }) => read)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(largest).toBeLessThan(frameBytesMax)
  })
})
