import { describe, expect, test, vi } from 'vitest'
import { must } from '../core/lib/assert.ts'
import { decodeMessage } from '../core/wire/codec.ts'
import { frameHeaderBytes } from '../core/wire/framer.ts'
import type { Message } from '../core/wire/message.ts'
import { calmScenario } from '../sim/swarm.ts'
import { World } from '../sim/world.ts'
import { createDocuments, setField } from './load-documents.ts'

/** What commits came to, without what flows when nothing is committed. */
interface Costs {
  /** Messages by kind. */
  readonly messages: Readonly<Record<string, number>>
  /** With their headers. */
  readonly bytes: number
  readonly fsyncs: number
}

/** Calls are numbered in steps of this, as the crew of a world expects. */
const callStep = 1024

/** A simulated world of three servers and one client on a good day, with the limits of production. */
class CalmWorld {
  readonly #world: World
  #settled = 0
  #calls = 0
  /** Submitted whenever a commit is acknowledged, while there are any. */
  #refills = 0
  #messages: Message[] = []
  #bytes = 0
  #fsyncs = 0

  constructor(durability: 'fsync' | 'memory') {
    const hour = 3_600_000_000
    const scenario = { ...calmScenario('calm'), durability, clients: 1, limits: {}, thinkUs: hour }
    this.#world = new World('7', scenario)
    vi.spyOn(this.#world.crew, 'hear').mockImplementation((news) => {
      expect(news.kind).toBe('settled')
      this.#settled++
      if (this.#refills-- > 0) this.#submit()
    })
    this.#watch()
    for (const server of this.#world.servers) server.start()
    this.#until(() => this.#world.servers.some((server) => server.server?.core.serves === true))
    this.#client.start()
    this.#client.input({ kind: 'submit', call: 0, transaction: createDocuments(0, 1000), timeoutMs: 60_000 })
    this.#until(() => this.#settled === 1)
    this.#until(() => this.#applied().every((index) => index === this.#applied()[0]))
  }

  /** Commits `count` times, `inFlight` of them at a time. */
  commit(count: number, inFlight: number): Costs {
    this.#messages = []
    this.#bytes = 0
    this.#fsyncs = 0
    this.#settled = 0
    this.#refills = count - inFlight
    for (let i = 0; i < inFlight; i++) this.#submit()
    this.#until(() => this.#settled === count)
    this.#until(() => this.#applied().every((index) => index === this.#applied()[0]))
    const messages: Record<string, number> = {}
    for (const { kind } of this.#messages) messages[kind] = (messages[kind] ?? 0) + 1
    return { messages, bytes: this.#bytes, fsyncs: this.#fsyncs }
  }

  get #client() {
    return must(this.#world.clients[0], 'a client')
  }

  #submit(): void {
    const call = ++this.#calls * callStep
    this.#client.input({ kind: 'submit', call, transaction: setField(this.#calls), timeoutMs: 60_000 })
  }

  #applied(): readonly number[] {
    return this.#world.servers.map((server) => server.server?.core.state.appliedIndex ?? 0)
  }

  #until(isDone: () => boolean): void {
    this.#world.runUntil(this.#world.nowUs + 10_000_000, isDone)
    expect(isDone()).toBe(true)
  }

  #watch(): void {
    const { network, servers } = this.#world
    const send = network.send.bind(network)
    vi.spyOn(network, 'send').mockImplementation((host, link, payload) => {
      const message = must(decodeMessage(payload), 'machines send messages')
      if (belongsToCommits(message)) {
        this.#messages.push(message)
        this.#bytes += payload.length + frameHeaderBytes
      }
      send(host, link, payload)
    })
    for (const { disk } of servers) {
      const start = disk.start.bind(disk)
      vi.spyOn(disk, 'start').mockImplementation((op, nowUs) => {
        if (op.op === 'write' && op.sync) this.#fsyncs++
        return start(op, nowUs)
      })
    }
  }
}

/** All but what flows without any commit: heartbeats that ask for an answer, and keepalives. */
function belongsToCommits(message: Message): boolean {
  if (message.kind === 'heartbeat') return message.round === 0
  return message.kind !== 'heartbeat-ack' && message.kind !== 'keepalive' && message.kind !== 'keepalive-answer'
}

/** To the leader, to both followers and back, to the client; then both followers learn what is committed. */
const oneRound = { requests: 1, append: 2, 'append-ack': 2, results: 1, heartbeat: 2 }

describe.each([
  { durability: 'fsync', fsyncs: 3 },
  { durability: 'memory', fsyncs: 0 },
] as const)('in a calm group with durability $durability', ({ durability, fsyncs }) => {
  const world = new CalmWorld(durability)

  test('a commit alone takes eight messages of 600 bytes together, and one flush at each server', () => {
    const costs = world.commit(1, 1)
    expect(costs.messages).toEqual(oneRound)
    expect(costs.bytes).toBeLessThanOrEqual(600)
    expect(costs.fsyncs).toBe(fsyncs)
  })

  test('256 commits of one turn share the same eight messages and the same flushes', () => {
    const costs = world.commit(256, 256)
    expect(costs.messages).toEqual(oneRound)
    expect(costs.bytes / 256).toBeLessThanOrEqual(460)
    expect(costs.fsyncs).toBe(fsyncs)
  })

  test('256 commits kept in flight go on sharing them', () => {
    const rounds = 10
    const costs = world.commit(256 * rounds, 256)
    for (const [kind, count] of Object.entries(oneRound)) {
      expect(costs.messages[kind], kind).toBeLessThanOrEqual(count * rounds)
    }
    expect(Object.keys(costs.messages).sort()).toEqual(Object.keys(oneRound).sort())
    expect(costs.bytes / (256 * rounds)).toBeLessThanOrEqual(460)
    expect(costs.fsyncs).toBe(fsyncs * rounds)
  })
})
