import { describe, expect, test } from 'vitest'
import type { ServerName } from '../wire/ids.ts'
import { Bench, type Seat } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

const isKnown = (seat: Seat, { client }: TestClient) => seat.machine.core.state.client(client) !== undefined

/** The clients that were ended, and whether they are known to have said goodbye. */
const ends = (seat: Seat) =>
  seat.events.flatMap((event) => (event.kind === 'client-expired' ? [[event.client, event.goodbye]] : []))

/** Hands leadership to a server, which leads when this time has passed. */
function handTo(bench: Bench, name: string, ms = 100): void {
  const leader = bench.leader()
  leader.act([{ kind: 'transfer', to: name as ServerName }])
  leader.turn()
  bench.pass(ms)
  expect(bench.leader().name).toBe(name)
}

describe('a client', () => {
  test('is ended when it was silent for its whole timeout, and told so', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    bench.pass(10_000)
    const other = new TestClient(bench, 2)
    expect(client.codes()).toEqual(['EXPIRED'])
    expect(isKnown(bench.leader(), client)).toBe(false)
    expect(ends(bench.leader())).toEqual([[client.client, false]])
    client.send(1)
    expect(client.codes()).toEqual(['EXPIRED'])
    expect(isKnown(bench.leader(), other)).toBe(true)
  })

  test('lives as long as it says so', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    client.liveFor(20_000)
    client.send(1)
    expect(client.numbers()).toEqual([1])
  })

  test('has its whole timeout with every new leader, however long ago that one saw it register', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    client.liveFor(30_000)
    const [next] = bench.followers()
    handTo(bench, next?.name ?? '')
    bench.pass(4800)
    expect(isKnown(bench.leader(), client)).toBe(true)
    bench.pass(600)
    expect(isKnown(bench.leader(), client)).toBe(false)
  })

  test('has its whole timeout with a leader that led before, had that been a moment ago', () => {
    const bench = Bench.formed()
    const first = bench.leader()
    const client = new TestClient(bench)
    client.liveFor(8000)
    const [next] = bench.followers()
    handTo(bench, next?.name ?? '', 0)
    handTo(bench, first.name, 0)
    expect(first.status.term).toBe(4)
    bench.pass(4800)
    expect(isKnown(first, client)).toBe(true)
  })

  test('that says goodbye is ended at once', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    client.puppet.say(client.link, { kind: 'goodbye' })
    bench.pass(300)
    expect(isKnown(bench.leader(), client)).toBe(false)
    expect(ends(bench.leader())).toEqual([[client.client, true]])
    for (const follower of bench.followers()) expect(ends(follower)).toEqual([[client.client, undefined]])
  })

  test('is not ended by an entry that a request of it precedes in the log', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    const leader = bench.leader()
    bench.post = (letter) => (letter.message?.kind === 'append' ? [] : [letter])
    client.send(1)
    const { last } = leader.status
    client.puppet.say(client.link, { kind: 'goodbye' })
    bench.pass(250)
    expect(leader.status.last).toBe(last + 1)
    bench.post = (letter) => [letter]
    for (let i = 0; i < 100 && leader.status.applied <= last; i++) bench.pass(2)
    expect(leader.status.applied).toBe(last + 1)
    expect([client.numbers(), isKnown(leader, client)]).toEqual([[1], true])
    bench.pass(300)
    expect(isKnown(leader, client)).toBe(false)
  })
})

describe('a tombstone in an idle group', () => {
  const tombstoneMs = 60_000
  const tombstones = (bench: Bench) => [...bench.seats.values()].map(({ machine }) => machine.core.state.tombstoneCount)

  test('goes when its time is up, by one entry that nothing else asked for', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { state: { tombstoneMs } })
    const client = new TestClient(bench)
    client.puppet.say(client.link, { kind: 'goodbye' })
    bench.pass(1000)
    const { last } = bench.leader().status
    bench.pass(tombstoneMs - 1000)
    expect([bench.leader().status.last, tombstones(bench)]).toEqual([last, [1, 1, 1]])
    bench.pass(1000)
    expect([bench.leader().status.last, tombstones(bench)]).toEqual([last + 1, [0, 0, 0]])
    bench.pass(3 * tombstoneMs)
    expect(bench.leader().status.last).toBe(last + 1)
  })

  test('goes as one of many, a bounded number of them at a time', () => {
    const bench = Bench.formed(['a'], { state: { tombstoneMs, tombstonesDroppedMax: 2 } })
    const clients = [1, 2, 3, 4, 5].map((number) => new TestClient(bench, number))
    for (const { puppet, link } of clients) puppet.say(link, { kind: 'goodbye' })
    bench.pass(1000)
    const { last } = bench.leader().status
    bench.pass(tombstoneMs + 1000)
    expect([bench.leader().status.last, tombstones(bench)]).toEqual([last + 3, [0]])
  })

  test('goes with whatever else is stamped after its time, without an entry of its own', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { state: { tombstoneMs } })
    const client = new TestClient(bench)
    const other = new TestClient(bench, 2)
    client.puppet.say(client.link, { kind: 'goodbye' })
    other.liveFor(tombstoneMs - 400)
    const { last } = bench.leader().status
    for (let number = 1; number <= 40; number++) {
      other.send(number)
      bench.pass(25)
    }
    expect([bench.leader().status.last, tombstones(bench)]).toEqual([last + 40, [0, 0, 0]])
  })
})
