import { describe, expect, test } from 'vitest'
import { Bench } from './bench.contract.ts'
import { Liar } from './hostile.contract.ts'
import { TestClient } from './puppet.contract.ts'

const limits = { checkpointEntries: 4, trailingEntries: 5, snapshotEntries: 20, linksMax: 40 }
const worlds = (['memory', 'fsync'] as const).flatMap((durability) =>
  [1, 2, 3, 4, 5, 6].map((seed) => [durability, seed] as const),
)

/** A group with a client that has work behind it. */
function serving(durability: 'memory' | 'fsync') {
  const bench = Bench.formed(['a', 'b', 'c'], { durability, limits })
  const client = new TestClient(bench)
  client.send(1, 2, 3)
  return { bench, client }
}

describe('a server', () => {
  // The bench checks all invariants after each step; what a member says may well stop a server or the group, but in
  // order.
  test.each(worlds)(
    'breaks none of its invariants whatever members and strangers say (%s, seed %i)',
    (durability, seed) => {
      const { bench } = serving(durability)
      const liar = new Liar(bench, seed, 'member')
      for (let i = 0; i < 350; i++) liar.step()
      bench.pass(3000)
      for (const seat of bench.seats.values()) if (seat.isUp) expect(seat.deadline).toBeGreaterThan(bench.now)
    },
  )

  test.each(worlds)('goes on serving whatever clients and strangers say (%s, seed %i)', (durability, seed) => {
    const { bench, client } = serving(durability)
    const liar = new Liar(bench, seed, 'client')
    for (let i = 0; i < 350; i++) {
      liar.step()
      if (i % 50 === 0) client.puppet.say(client.link, { kind: 'keepalive', sentAt: bench.now })
    }
    for (const seat of bench.seats.values()) expect(seat.isUp).toBe(true)
    client.results()
    client.send(4, 5)
    bench.pass(500)
    expect(client.numbers()).toEqual([4, 5])
    const next = new TestClient(bench, 2)
    next.send(1)
    expect(next.numbers()).toEqual([1])
  })
})
