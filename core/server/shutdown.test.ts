import { describe, expect, test } from 'vitest'
import { encodeMessage } from '../wire/codec.ts'
import { Bench, type Seat } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

function order(bench: Bench, seat: Seat): void {
  seat.act([{ kind: 'shutdown' }])
  seat.turn()
  bench.pass(0)
}

describe('a server that is told to shut down', () => {
  test('hands leadership over first, and leaves the group when its memory ends with it', () => {
    const bench = Bench.formed()
    const seat = bench.leader()
    const startedAt = bench.now
    order(bench, seat)
    while (seat.isUp && bench.now < startedAt + 5000) bench.pass(10)
    expect(seat.stop).toMatchObject({ reason: 'stopped', burnt: false })
    expect(bench.now - startedAt).toBeLessThan(500)
    expect(seat.stop?.text).toBe('shut down in order')
    expect(seat.has('shutdown-cut-short')).toBe(false)
    expect(bench.leader().replica.members.voters).toHaveLength(2)
  })

  test('hands leadership over but stays a member when its disk remembers', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync' })
    const seat = bench.leader()
    const client = new TestClient(bench)
    client.send(1)
    order(bench, seat)
    bench.pass(500)
    expect(seat.stop).toMatchObject({ reason: 'stopped', burnt: false })
    expect(bench.leader().replica.members.voters).toContain(seat.machine.id)
    const again = bench.start(seat.name)
    bench.pass(2000)
    expect(again.machine.id).toBe(seat.machine.id)
    expect(again.status.applied).toBe(bench.leader().status.applied)
  })

  test('waits for its disk', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync' })
    const [seat] = bench.followers()
    const client = new TestClient(bench)
    if (seat === undefined) throw new Error('nobody follows')
    seat.isDiskHeld = true
    client.send(1)
    order(bench, seat)
    bench.pass(1000)
    expect(seat.isUp).toBe(true)
    seat.persist()
    bench.pass(200)
    expect(seat.isUp).toBe(false)
  })

  test('stops at once when it is alone', () => {
    for (const durability of ['memory', 'fsync'] as const) {
      const bench = Bench.formed(['a'], { durability })
      const seat = bench.seat('a')
      order(bench, seat)
      expect(seat.stop).toMatchObject({ reason: 'stopped' })
    }
  })

  test('stops at once when it belongs to no group yet', () => {
    const bench = new Bench(['a', 'b'])
    const seat = bench.start('a')
    bench.pass(500)
    order(bench, seat)
    expect(seat.stop).toMatchObject({ reason: 'stopped' })
  })

  test('loses its patience when nobody can take over', () => {
    const bench = Bench.formed()
    const seat = bench.leader()
    for (const { name } of bench.followers()) bench.cut(seat.name, name)
    order(bench, seat)
    bench.pass(2900)
    expect(seat.isUp).toBe(true)
    bench.pass(100)
    expect(seat.stop).toMatchObject({ reason: 'stopped', burnt: false })
  })

  test('says that nobody took over when that is so', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { timing: { shutdownMs: 500 }, durability: 'fsync' })
    const seat = bench.leader()
    for (const { name } of bench.followers()) bench.cut(seat.name, name)
    order(bench, seat)
    bench.pass(500)
    expect(seat.stop?.text).toBe('shut down before another server took over')
    expect(seat.has('shutdown-cut-short')).toBe(true)
  })

  test('says that the group still counts on it when that could not let it go', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { timing: { shutdownMs: 1234 } })
    const [seat] = bench.followers()
    if (seat === undefined) throw new Error('nobody follows')
    for (const { name } of bench.seats.values()) if (name !== seat.name) bench.kill(name)
    order(bench, seat)
    bench.pass(1233)
    expect(seat.isUp).toBe(true)
    bench.pass(1)
    const text = 'shut down before the group let it go: it still counts as a member there, and its memory is gone'
    expect(seat.stop).toMatchObject({ reason: 'stopped', text })
    expect(seat.events.at(-2)).toEqual({ kind: 'shutdown-cut-short', text })
  })

  test('closes its connections, and forgets no client that was served', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    client.send(1)
    client.results()
    order(bench, bench.leader())
    bench.pass(500)
    expect(client.puppet.isClosed(client.link)).toBe(true)
    expect(client.move()).toBe(2)
    client.send(2)
    expect(client.numbers()).toEqual([1, 2])
  })

  test('does not believe to have left what nobody let it go from', () => {
    const bench = new Bench(['a', 'b'])
    const seat = bench.start('a')
    const b = bench.start('b')
    bench.pass(4000)
    // Before it is told to shut down, somebody says that it has left.
    const link = bench.linksOf(b).find((each) => each < 0)
    if (link === undefined) throw new Error('a dialled nobody')
    bench.send(b, link, encodeMessage({ kind: 'left' }))
    bench.settle()
    bench.cut('a', 'b')
    order(bench, seat)
    bench.pass(2000)
    expect(seat.isUp).toBe(true)
  })
})
