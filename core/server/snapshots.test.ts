import { describe, expect, test } from 'vitest'
import { encodeMembers } from '../consensus/members.ts'
import { must } from '../lib/assert.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { Message } from '../wire/message.ts'
import { Bench, type BenchOptions, type Letter, type Seat } from './bench.contract.ts'
import { creating, Puppet, TestClient } from './puppet.contract.ts'

type Chunk = Extract<Message, { kind: 'snapshot-chunk' }>

/** So small that a few dozen documents make many chunks, and a few entries a snapshot. */
const limits = { snapshotEntries: 20, trailingEntries: 2, snapshotChunkBytes: 100, snapshotChunksInflight: 3 }

const isChunk = (letter: Letter): letter is Letter & { message: Chunk } => letter.message?.kind === 'snapshot-chunk'

/** A group whose leader has compacted its log beyond what one follower, cut off, has. */
function lagging(durability: 'memory' | 'fsync', options: BenchOptions = {}) {
  const bench = Bench.formed(['a', 'b', 'c'], { durability, limits, ...options })
  const client = new TestClient(bench)
  const leader = bench.leader()
  const behind = must(bench.followers()[0], 'nobody follows')
  for (const name of ['a', 'b', 'c']) if (name !== behind.name) bench.cut(name, behind.name)
  for (let number = 1; number <= 60; number++) client.send(number)
  bench.pass(500)
  expect(leader.status.firstIndex).toBeGreaterThan(behind.status.last + 1)
  return { bench, client, leader, behind }
}

/** The lagging server holds what its leader holds. */
function expectCaughtUp(bench: Bench, seat: Seat): void {
  bench.pass(200)
  const leader = bench.leader()
  expect(seat.status).toMatchObject({ applied: leader.status.applied, stateHash: leader.status.stateHash })
  expect(seat.has('snapshot-installed')).toBe(true)
}

describe('a snapshot of the own state', () => {
  test('is taken when the log has grown enough, and the log is cut behind it', () => {
    for (const durability of ['memory', 'fsync'] as const) {
      const bench = Bench.formed(['a'], { durability, limits })
      const client = new TestClient(bench)
      for (let number = 1; number <= 60; number++) client.send(number)
      const { status } = bench.seat('a')
      expect(status.last - status.firstIndex).toBeLessThan(limits.snapshotEntries + limits.trailingEntries + 1)
      expect(bench.seat('a').events.filter(({ kind }) => kind === 'snapshot-taken')).toHaveLength(3)
    }
  })

  test('is taken when the log has grown by enough bytes', () => {
    const bench = Bench.formed(['a'], { limits: { snapshotBytes: 500 } })
    const client = new TestClient(bench)
    for (let number = 1; number <= 30; number++) client.send(number)
    expect(bench.seat('a').has('snapshot-taken')).toBe(true)
  })

  test('leaves no more of the log behind it than so many bytes, however few entries these are', () => {
    const few = { snapshotEntries: 20, trailingEntries: 1000, trailingBytes: 200 }
    const bench = Bench.formed(['a'], { limits: few })
    const client = new TestClient(bench)
    for (let number = 1; number <= 70; number++) client.send(number)
    const { log, commit } = bench.seat('a').replica
    expect(log.baseIndex).toBeGreaterThan(50)
    expect(log.baseIndex).toBeLessThan(commit)
    expect(log.bytes).toBeLessThan(20 * 60 + 200)
  })

  test('does not cut the log before it is durable, and goes on when the disk does', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync', limits })
    const seat = must(bench.followers()[0], 'nobody follows')
    const client = new TestClient(bench)
    client.send(1)
    bench.pass(200)
    seat.holdsOp = ({ file }) => file.startsWith('snapshot')
    for (let number = 2; number <= 40; number++) client.send(number)
    bench.pass(500)
    expect(seat.status.applied).toBeGreaterThan(30)
    expect(seat.status.firstIndex).toBe(1)
    seat.persist()
    bench.pass(500)
    expect(seat.status.firstIndex).toBeGreaterThan(15)
  })

  test('is what the server starts from the next time', () => {
    const bench = Bench.formed(['a'], { durability: 'fsync', limits })
    const client = new TestClient(bench)
    for (let number = 1; number <= 45; number++) client.send(number)
    bench.pass(500)
    const { applied, documents } = bench.seat('a').status
    bench.kill('a')
    const seat = bench.start('a')
    bench.pass(3000)
    expect(seat.status.firstIndex).toBeGreaterThan(30)
    expect(seat.status.applied).toBeGreaterThan(applied)
    expect(seat.status.documents).toBe(documents)
    client.move()
    client.send(46)
    expect(client.numbers().at(-1)).toBe(46)
  })
})

describe.each(['memory', 'fsync'] as const)('a snapshot for a server that lags (%s)', (durability) => {
  test('arrives, and the log follows it at once', () => {
    const { bench, behind } = lagging(durability)
    bench.heal()
    // The one begun while the server was cut off is given up first.
    for (let i = 0; i < 6000 && !behind.has('snapshot-installed'); i++) bench.pass(1)
    bench.pass(50)
    expectCaughtUp(bench, behind)
    new TestClient(bench, 2).send(1)
    bench.pass(200)
    expect(behind.status.applied).toBe(bench.leader().status.applied)
  })

  test('arrives whichever chunks are lost once', () => {
    const { bench, behind } = lagging(durability)
    const lost = new Set<number>()
    bench.post = (letter) => {
      if (!isChunk(letter) || lost.has(letter.message.chunk)) return [letter]
      lost.add(letter.message.chunk)
      return []
    }
    bench.heal()
    bench.pass(20_000)
    expect(lost.size).toBeGreaterThan(10)
    expectCaughtUp(bench, behind)
  })

  test('arrives whichever chunks and answers come twice, or in another order', () => {
    const { bench, behind } = lagging(durability)
    let kept: Letter | undefined
    bench.post = (letter) => {
      if (!isChunk(letter) && letter.message?.kind !== 'snapshot-ack') return [letter]
      const before = kept
      kept = before === undefined ? letter : undefined
      return before === undefined ? [] : [letter, before, letter]
    }
    bench.heal()
    bench.pass(20_000)
    expectCaughtUp(bench, behind)
  })

  test('is found to be installed although that was said in vain', () => {
    const { bench, behind } = lagging(durability)
    let lost = 0
    bench.post = (letter) =>
      letter.message?.kind === 'snapshot-ack' && letter.message.done && lost++ < 2 ? [] : [letter]
    bench.heal()
    for (let i = 0; i < 6000 && !behind.has('snapshot-installed'); i++) bench.pass(1)
    bench.pass(1500)
    expect(lost).toBe(3)
    expectCaughtUp(bench, behind)
  })

  test('is given up when nothing moves, and begun again', () => {
    const { bench, leader, behind } = lagging(durability)
    bench.post = (letter) => (isChunk(letter) && letter.message.chunk >= 4 ? [] : [letter])
    bench.heal()
    bench.pass(7000)
    expect(leader.closes.some(({ reason }) => reason === 'no progress')).toBe(true)
    expect(behind.has('snapshot-installed')).toBe(false)
    bench.post = (letter) => [letter]
    bench.pass(7000)
    expectCaughtUp(bench, behind)
  })

  test('is begun again by the next leader', () => {
    const { bench, leader, behind } = lagging(durability)
    bench.post = (letter) =>
      isChunk(letter) && letter.message.chunk >= 4 && letter.from === leader.name ? [] : [letter]
    bench.heal()
    bench.pass(1500)
    const next = must(
      [...bench.seats.values()].find((seat) => seat !== leader && seat !== behind),
      'a third',
    )
    leader.act([{ kind: 'transfer', to: next.name as never }])
    bench.pass(12_000)
    expect(bench.leader()).toBe(next)
    expectCaughtUp(bench, behind)
  })

  test('of a leader that went silent gives the storage free again when the term is over', () => {
    const { bench, leader, behind } = lagging(durability)
    bench.post = (letter) => (isChunk(letter) && letter.message.chunk >= 4 ? [] : [letter])
    bench.heal()
    bench.pass(1500)
    // The link to the leader that is gone stays open for ever, and everything comes by appends after all.
    for (const name of ['a', 'b', 'c']) if (name !== leader.name) bench.cut(leader.name, name)
    const third = must(
      [...bench.seats.values()].find((seat) => seat !== leader && seat !== behind),
      'a third',
    )
    bench.post = (letter) => [letter]
    bench.pass(12_000)
    expect(bench.leader()).toBe(third)
    expect(behind.status.applied).toBe(third.status.applied)
    const client = new TestClient(bench, 2)
    for (let number = 1; number <= 50; number++) client.sendCommands([creating(client.client, number, 1, `n${number}`)])
    bench.pass(500)
    expect(behind.events.at(-1)?.kind).toBe('snapshot-taken')
  })
})

/** A follower that is cut off, and a test that plays the leader of its term, with links of both purposes. */
function receiving() {
  const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync', limits: { ...limits, trailingEntries: 1000 } })
  const leader = bench.leader()
  const seat = must(bench.followers()[0], 'nobody follows')
  const client = new TestClient(bench)
  for (const name of ['a', 'b', 'c']) if (name !== seat.name) bench.cut(name, seat.name)
  const puppet = new Puppet(bench, 'p')
  const server = leader.machine.id
  const link = puppet.greet(seat.name, 'snapshot', { server })
  const peer = puppet.greet(seat.name, 'peer', { server })
  const { term } = seat.status
  const chunk = (given: Partial<Chunk>): void => {
    const base = { kind: 'snapshot-chunk', term, index: 50, indexTerm: 2, chunk: 0, last: false } as const
    puppet.say(link, { ...base, bytes: Uint8Array.of(0, 0, 0), ...given })
  }
  const acks = () => puppet.take('snapshot-ack').map(({ next, done }) => (done ? 'done' : next))
  /** The leader executes more, and its state of then is sent as a whole. */
  const grow = (first: number, last: number): void => {
    for (let number = first; number <= last; number++) client.send(number)
  }
  const sendWhole = (): number => {
    const { replica, status } = leader
    const { applied: index } = status
    const parts = [encodeMembers(replica.membersAt(index)), ...leader.machine.core.state.view().chunks(100)]
    parts.forEach((bytes, i) => {
      chunk({ index, chunk: i, bytes })
    })
    chunk({ index, chunk: parts.length, last: true, bytes: new Uint8Array(0) })
    return index
  }
  /** Everything that the follower lacks, as the leader would append it. */
  const append = (): void => {
    const { log, commit } = leader.replica
    const prevIndex = seat.status.last
    const runs = log.slice(prevIndex + 1, log.lastIndex, 1_000_000)
    puppet.say(peer, { kind: 'append', term, prevIndex, prevTerm: term, commit, last: log.lastIndex, round: 1, runs })
  }
  return { bench, leader, seat, puppet, link, chunk, acks, term, grow, sendWhole, append }
}

const isOfSnapshot = ({ file }: { readonly file: string }) => file.startsWith('snapshot')

describe('a receiver of a snapshot', () => {
  test('installs it once it is durable, and not before', () => {
    const { leader, seat, grow, sendWhole } = receiving()
    grow(1, 10)
    seat.holdsOp = isOfSnapshot
    const index = sendWhole()
    expect(seat.status.applied).toBeLessThan(index)
    seat.persist()
    expect(seat.status).toMatchObject({ applied: index, stateHash: leader.status.stateHash, firstIndex: index + 1 })
  })

  test('does not install one that appends overtook', () => {
    const { leader, seat, grow, sendWhole, append } = receiving()
    grow(1, 10)
    seat.holdsOp = isOfSnapshot
    sendWhole()
    grow(11, 12)
    append()
    expect(seat.status.applied).toBe(leader.status.applied)
    seat.persist()
    expect(seat.has('snapshot-installed')).toBe(false)
    expect(seat.status).toMatchObject({ stateHash: leader.status.stateHash, firstIndex: 1 })
  })

  test('ends one that is not complete when appends overtake it', () => {
    const { bench, seat, grow, chunk, append, acks } = receiving()
    grow(1, 10)
    chunk({ index: 12 })
    append()
    expect(seat.status.last).toBeGreaterThan(12)
    bench.pass(10)
    chunk({ index: 500, chunk: 0 })
    expect(acks()).toEqual([1, 1])
  })

  test('takes no other while a complete one is on its way to the disk, and then takes it', () => {
    const { leader, seat, grow, sendWhole, acks } = receiving()
    grow(1, 10)
    seat.holdsOp = isOfSnapshot
    const first = sendWhole()
    acks()
    grow(11, 15)
    const second = sendWhole()
    expect(acks()).toEqual([])
    seat.persist()
    expect(seat.status.applied).toBe(first)
    sendWhole()
    expect(seat.status).toMatchObject({ applied: second, stateHash: leader.status.stateHash })
  })

  test('takes it in place of one that it is making itself', () => {
    const { leader, seat, grow, sendWhole, append } = receiving()
    seat.holdsOp = isOfSnapshot
    grow(1, 30)
    append()
    expect(seat.status.applied).toBe(leader.status.applied)
    grow(31, 40)
    const index = sendWhole()
    seat.persist()
    expect(seat.status).toMatchObject({ applied: index, stateHash: leader.status.stateHash, snapshot: index })
  })

  test('drops one whose content is not of the index it claims', () => {
    const { leader, seat, chunk, grow, acks } = receiving()
    grow(1, 3)
    const { replica, machine, status } = leader
    const parts = [encodeMembers(replica.membersAt(status.applied)), ...machine.core.state.view().chunks(100_000)]
    parts.forEach((bytes, i) => {
      chunk({ index: 400, chunk: i, bytes })
    })
    chunk({ index: 400, chunk: parts.length, last: true, bytes: new Uint8Array(0) })
    expect(acks()).toEqual([1, 2])
    expect(seat.has('snapshot-installed')).toBe(false)
  })

  test('answers what it expects next, and takes nothing out of order', () => {
    const { chunk, acks } = receiving()
    chunk({ chunk: 1 })
    expect(acks()).toEqual([])
    chunk({})
    chunk({})
    expect(acks()).toEqual([1, 1])
  })

  test('confirms a chunk when its disk has taken it, so that its sender waits for the disk', () => {
    const { seat, chunk, acks } = receiving()
    seat.holdsOp = isOfSnapshot
    for (let i = 0; i < 3; i++) chunk({ chunk: i, bytes: Uint8Array.of(0, 0, 0).subarray(0, i === 0 ? 3 : 0) })
    chunk({})
    expect(acks()).toEqual([0])
    seat.persist()
    expect(acks()).toEqual([1, 2, 3])
  })

  test('needs none that it has passed', () => {
    const { chunk, acks } = receiving()
    chunk({ index: 1 })
    expect(acks()).toEqual(['done'])
  })

  test('throws away what is none, and begins anew', () => {
    const { seat, chunk, acks } = receiving()
    chunk({})
    chunk({ chunk: 1, bytes: new Uint8Array(50).fill(200) })
    chunk({ chunk: 2 })
    expect(acks()).toEqual([1])
    chunk({})
    chunk({ chunk: 1, last: true, bytes: new Uint8Array(0) })
    chunk({ bytes: Uint8Array.of(9, 9) })
    expect(acks()).toEqual([1])
    expect(seat.status.snapshot).toBe(0)
  })

  test('ends the link of one that claims a term to come', () => {
    const { puppet, link, chunk, term } = receiving()
    chunk({ indexTerm: term + 1 })
    expect(puppet.isClosed(link)).toBe(true)
  })
})

describe('a sender of a snapshot', () => {
  test('has no more chunks under way than its window while the disk of the other side is slow', () => {
    const { bench, behind } = lagging('fsync')
    let [next, furthest] = [0, 0]
    bench.post = (letter) => {
      if (isChunk(letter)) furthest = Math.max(furthest, letter.message.chunk)
      if (letter.message?.kind === 'snapshot-ack') next = Math.max(next, letter.message.next)
      return [letter]
    }
    bench.heal()
    behind.holdsOp = isOfSnapshot
    for (let i = 0; i < 6000 && furthest === 0; i++) bench.pass(1)
    bench.pass(1000)
    expect([next, furthest]).toEqual([0, limits.snapshotChunksInflight - 1])
    behind.persist()
    bench.pass(8000)
    expectCaughtUp(bench, behind)
  })

  test('believes no answer to what it did not send', () => {
    const { bench, leader, behind } = lagging('memory')
    bench.post = (letter) => (letter.message?.kind === 'snapshot-ack' ? [] : [letter])
    bench.heal()
    bench.pass(1000)
    bench.post = (letter) => [letter]
    const { term, applied: index } = leader.status
    for (const link of bench.linksOf(behind)) {
      for (const next of [4000, 2 ** 53 - 1])
        bench.send(behind, link, encodeMessage({ kind: 'snapshot-ack', term, index, next, done: false }))
    }
    bench.pass(8000)
    expectCaughtUp(bench, behind)
  })
})
