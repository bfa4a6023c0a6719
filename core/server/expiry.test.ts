import { describe, expect, test } from 'vitest'
import type { ServerName } from '../wire/ids.ts'
import { Bench, type Seat } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

const isKnown = (seat: Seat, { client }: TestClient) => seat.machine.core.state.client(client) !== undefined

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
