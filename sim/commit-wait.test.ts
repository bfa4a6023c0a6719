import { expect, test, vi } from 'vitest'
import { must } from '../core/lib/assert.ts'
import type { Transaction } from '../core/wire/command.ts'
import { calmScenario } from './swarm.ts'
import { World } from './world.ts'

/** Far longer than anything else that a commit waits for. */
const flushUs = 200_000
const hourUs = 3_600_000_000

const nothingAtAll: Transaction = { kind: 'transaction', after: [], reads: [], writes: [] }

/** A led group with one client, on disks of which each flush takes as long. */
class SlowWorld {
  readonly #world: World
  #settled = 0
  #calls = 0

  constructor() {
    this.#world = new World('flushes', { ...calmScenario('calm'), durability: 'fsync', clients: 1, thinkUs: hourUs })
    vi.spyOn(this.#world.crew, 'hear').mockImplementation((news) => {
      if (news.kind === 'settled') this.#settled++
    })
    for (const server of this.#world.servers) server.start()
    this.#until(() => this.#world.servers.some((server) => server.server?.core.serves === true))
    this.#client.start()
    this.commitUs()
    for (const { disk } of this.#world.servers)
      vi.spyOn(disk, 'latencyUs').mockImplementation((op) => (op.op === 'write' && !op.sync ? 1 : flushUs))
  }

  get #client() {
    return must(this.#world.clients[0], 'a client')
  }

  /** Commits and tells how long that took. */
  commitUs(): number {
    const { nowUs } = this.#world
    const settled = this.#settled
    this.#client.input({ kind: 'submit', call: ++this.#calls * 1024, transaction: nothingAtAll, timeoutMs: 60_000 })
    this.#until(() => this.#settled > settled)
    return this.#world.nowUs - nowUs
  }

  rest(us: number): void {
    this.#world.runUntil(this.#world.nowUs + us)
  }

  #until(isDone: () => boolean): void {
    this.#world.runUntil(this.#world.nowUs + 10_000_000, isDone)
    expect(isDone()).toBe(true)
  }
}

test('a commit alone waits for one flush: that of the leader goes on beside those of the followers', () => {
  const world = new SlowWorld()
  for (let i = 0; i < 5; i++) {
    world.rest(1_000_000)
    const us = world.commitUs()
    expect(us).toBeGreaterThanOrEqual(flushUs)
    expect(us).toBeLessThan(1.1 * flushUs)
  }
})

test('a commit behind others waits for two flushes at most', () => {
  const world = new SlowWorld()
  world.rest(1_000_000)
  for (let i = 0; i < 10; i++) {
    world.rest(i * 20_000)
    expect(world.commitUs()).toBeLessThan(2.1 * flushUs)
  }
})
