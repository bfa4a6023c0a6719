import { describe, expect, test } from 'vitest'
import { must } from '../lib/assert.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { Message } from '../wire/message.ts'
import { Bench, type Letter, type Seat } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

type Ack = Extract<Message, { kind: 'append-ack' }>

const limits = { checkpointEntries: 8 }

/** Makes servers tell another hash of their state than they have. */
function pretend(bench: Bench, ...liars: readonly Seat[]): void {
  const names = new Set(liars.map(({ name }) => name))
  bench.post = (letter): readonly Letter[] => {
    const { message } = letter
    if (message?.kind !== 'append-ack' || message.checkpoint === 0 || !names.has(letter.from)) return [letter]
    const lie: Ack = { ...message, stateHash: 'ffffffffffffffff' }
    return [{ ...letter, message: lie, frame: encodeMessage(lie) }]
  }
}

function work(bench: Bench): void {
  const client = new TestClient(bench)
  for (let number = 1; number <= 20; number++) client.send(number)
  bench.pass(200)
}

describe('state hashes', () => {
  test('that agree stop nobody', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits })
    work(bench)
    for (const { stop } of bench.seats.values()) expect(stop).toBeUndefined()
    expect(bench.leader().status.applied).toBeGreaterThan(16)
  })

  test('tell a follower that differs from an equal majority to stop', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits })
    const [one, other] = bench.followers()
    pretend(bench, must(one, 'a follower'))
    work(bench)
    expect(one?.stop).toMatchObject({ reason: 'diverged', burnt: true })
    expect(one?.has('diverged')).toBe(true)
    expect([other?.isUp, bench.leader().isUp]).toEqual([true, true])
  })

  test('stop a leader that differs from an equal majority', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits })
    const leader = bench.leader()
    pretend(bench, ...bench.followers())
    const client = new TestClient(bench)
    for (let number = 1; number <= 20 && leader.isUp; number++) client.send(number)
    expect(leader.stop).toMatchObject({ reason: 'diverged', burnt: true })
    bench.post = (letter) => [letter]
    bench.pass(3000)
    expect(bench.leader()).not.toBe(leader)
  })

  test('stop nobody when there is no equal majority', () => {
    const bench = Bench.formed(['a', 'b', 'c', 'd'], { limits })
    const [one, other] = bench.followers()
    pretend(bench, must(one, 'a follower'), must(other, 'a follower'))
    work(bench)
    for (const { stop } of bench.seats.values()) expect(stop).toBeUndefined()
  })

  test('count from whoever is asked, so that no stranger stops a server with a word', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits })
    work(bench)
    const [one, other] = bench.followers()
    const seat = must(one, 'a follower')
    const { term } = seat.status
    for (const from of [must(other, 'a follower'), bench.leader()]) {
      for (const link of bench.linksOf(from)) {
        const verdicts =
          from === other
            ? [{ term, index: 16 }]
            : [
                { term: term - 1, index: 16 },
                { term, index: 15 },
              ]
        for (const verdict of verdicts) bench.send(from, link, encodeMessage({ kind: 'diverged', ...verdict }))
      }
    }
    bench.settle()
    expect(seat.isUp).toBe(true)
    for (const link of bench.linksOf(bench.leader()))
      bench.send(bench.leader(), link, encodeMessage({ kind: 'diverged', term, index: 16 }))
    bench.settle()
    expect(seat.stop?.reason).toBe('diverged')
  })
})
