import { describe, expect, test } from 'vitest'
import { Bench, type Letter } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

/** Keeps back what followers answer their leader. */
class Silence {
  readonly #bench: Bench
  #kept: Letter[] = []

  constructor(bench: Bench) {
    this.#bench = bench
    bench.post = (letter) => {
      const kind = letter.message?.kind
      if (kind !== 'append-ack' && kind !== 'heartbeat-ack') return [letter]
      this.#kept.push(letter)
      return []
    }
  }

  /** Lets what was kept back until now arrive, and nothing more. */
  release(): void {
    for (const letter of this.#kept.splice(0)) this.#bench.deliver(letter)
    this.#bench.settle()
  }
}

const readsOf = (client: TestClient) =>
  client.puppet.take('answers').flatMap(({ answers }) => answers.map(({ read }) => read))

function ask(client: TestClient, read: number): void {
  client.puppet.say(client.link, { kind: 'read', read, query: { kind: 'barrier' } })
}

describe('a question to the leader', () => {
  test('is answered only when a quorum confirmed a round begun after it came', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    const silence = new Silence(bench)
    ask(client, 1)
    expect(readsOf(client)).toEqual([])
    ask(client, 2)
    ask(client, 3)
    silence.release()
    expect(readsOf(client)).toEqual([1])
    silence.release()
    expect(readsOf(client)).toEqual([2, 3])
  })

  test('is answered with what was committed when it came, once that is applied', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    client.send(1)
    client.puppet.say(client.link, { kind: 'read', read: 1, query: { kind: 'get', space: 's', key: 'k1' } })
    expect(client.puppet.take('answers')[0]?.answers[0]?.answer).toMatchObject({ kind: 'document' })
  })

  test('is never answered by a leader without a quorum, which ends the connection instead', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    const leader = bench.leader()
    for (const { name } of bench.followers()) bench.cut(leader.name, name)
    ask(client, 1)
    client.puppet.say(client.link, { kind: 'keepalive', sentAt: 1 }, { kind: 'attach', client: client.client, from: 1 })
    bench.pass(900)
    ask(client, 2)
    bench.pass(300)
    expect(client.puppet.isClosed(client.link)).toBe(true)
    bench.heal()
    bench.pass(5000)
    expect(readsOf(client)).toEqual([])
    expect(client.puppet.take('keepalive-answer')).toEqual([])
  })

  test('is refused when too many of one connection wait, without harm to those of others', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits: { readsPerClient: 3 } })
    const [one, other] = [new TestClient(bench), new TestClient(bench, 2)]
    const silence = new Silence(bench)
    for (let read = 1; read <= 3; read++) ask(one, read)
    one.puppet.say(one.link, { kind: 'attach', client: other.client, from: 1 }, { kind: 'keepalive', sentAt: 1 })
    ask(one, 4)
    ask(other, 1)
    expect(one.puppet.take('refused')).toMatchObject([
      { code: 'BUSY', what: 'attach', read: 0 },
      { code: 'BUSY', what: 'read', read: 4 },
    ])
    silence.release()
    silence.release()
    expect([readsOf(one), readsOf(other)]).toEqual([[1, 2, 3], [1]])
    ask(one, 5)
    silence.release()
    expect(readsOf(one)).toEqual([5])
  })

  test('is refused when too many wait in all', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits: { readsMax: 2 } })
    const client = new TestClient(bench)
    const silence = new Silence(bench)
    for (let read = 1; read <= 3; read++) ask(client, read)
    expect(client.puppet.take('refused')).toMatchObject([{ code: 'BUSY', what: 'read', read: 3 }])
    silence.release()
    silence.release()
    expect(readsOf(client)).toEqual([1, 2])
  })
})
