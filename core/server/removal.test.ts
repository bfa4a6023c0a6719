import { describe, expect, test } from 'vitest'
import { encodeMembers, makeMembers } from '../consensus/members.ts'
import { must } from '../lib/assert.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { HistoryId, ServerId } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { addressOf, Bench, type BenchOptions, type Seat } from './bench.contract.ts'
import { Puppet, strangerNamed, TestClient } from './puppet.contract.ts'

const follower = (bench: Bench): Seat => must(bench.followers()[0], 'nobody follows')

/** The leader makes these the members, whatever its own rules say. */
function change(bench: Bench, voters: readonly ServerId[], learners: readonly ServerId[] = []): void {
  const leader = bench.leader()
  const addresses = [...voters, ...learners].map((id) => [id, addressOf(id.slice(0, 1))] as const)
  expect(leader.replica.changeMembers(makeMembers(voters, [], learners, addresses), bench.now)).toBe(true)
  bench.pass(0)
}

/** Says something to a server as the one that it dialled. */
function answerTo(bench: Bench, seat: Seat, message: Message): void {
  for (const other of bench.seats.values()) {
    for (const link of bench.linksOf(other)) {
      if (other !== seat && link < 0) bench.send(other, link, encodeMessage(message))
    }
  }
  bench.settle()
}

describe('a server that is a member no more', () => {
  test('goes for good when another incarnation has its place', () => {
    for (const durability of ['memory', 'fsync'] as const) {
      const bench = Bench.formed(['a', 'b', 'c'], { durability })
      const seat = follower(bench)
      const by = strangerNamed(seat.name)
      change(bench, [...bench.leader().replica.members.voters.filter((id) => id !== seat.machine.id), by])
      bench.pass(2500)
      expect(seat.stop).toMatchObject({ reason: 'replaced', burnt: true })
      expect(seat.stop?.text).toContain(by)
    }
  })

  test('goes for good when nobody has its place, and comes back as another incarnation', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync' })
    const seat = follower(bench)
    change(bench, [...bench.leader().replica.members.voters.filter((id) => id !== seat.machine.id)])
    bench.pass(2500)
    expect(seat.stop).toMatchObject({ reason: 'removed', burnt: true })
    // What the host does after an end like this.
    seat.folder.files.clear()
    const next = bench.start(seat.name)
    bench.pass(4000)
    expect(bench.leader().replica.members.voters).toContain(next.machine.id)
  })

  test('goes also when it led', () => {
    const bench = Bench.formed()
    const seat = bench.leader()
    change(bench, [...seat.replica.members.voters.filter((id) => id !== seat.machine.id)])
    bench.pass(3000)
    expect(seat.stop).toMatchObject({ reason: 'removed', burnt: true })
    expect(bench.leader().replica.members.voters).toHaveLength(2)
  })

  test('has what it wants when it is shutting down', () => {
    const bench = Bench.formed()
    const seat = follower(bench)
    bench.post = (letter) => (letter.message?.kind === 'left' ? [] : [letter])
    seat.act([{ kind: 'shutdown' }])
    bench.pass(2500)
    expect(seat.stop).toMatchObject({ reason: 'stopped', burnt: false })
  })

  test('is told again and again, and others never', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    const { name, machine } = follower(bench)
    puppet.greet(bench.leader().name, 'peer', { server: strangerNamed(name) })
    bench.pass(3500)
    const { commit: index, history } = bench.leader().status
    expect(puppet.take('removed')).toEqual(new Array(4).fill({ kind: 'removed', history, index, by: machine.id }))
    puppet.greet(bench.leader().name, 'peer', { server: machine.id })
    bench.pass(3500)
    expect(puppet.take('removed', puppet.links.at(-1))).toEqual([])
  })
})

describe('a server that is a member', () => {
  const options: BenchOptions = { durability: 'fsync', limits: { snapshotEntries: 20, trailingEntries: 2 } }

  test('stays whatever one says that lags behind, and brings it up to date when it leads', () => {
    const bench = Bench.formed(['a', 'b', 'c', 'd', 'e'], options)
    const behind = must(bench.followers()[0], 'nobody follows')
    const name = must(bench.followers()[1], 'nobody else follows').name
    const others = [...bench.seats.keys()].filter((each) => each !== behind.name && each !== name)
    for (const each of [behind.name, name]) bench.kill(each)
    bench.seat(name).folder.files.clear()
    const seat = bench.start(name)
    bench.pass(4000)
    bench.leader().act([{ kind: 'transfer', to: name as never }])
    bench.pass(500)
    expect(bench.leader()).toBe(seat)
    const client = new TestClient(bench)
    for (let number = 1; number <= 60; number++) client.send(number)
    // The one that lags knows an older incarnation for a member, and nobody else tells it better.
    for (const each of others) bench.cut(each, behind.name)
    const back = bench.start(behind.name)
    bench.pass(12_000)
    expect(seat.stop).toBeUndefined()
    expect(back.status).toMatchObject({ applied: seat.status.applied, stateHash: seat.status.stateHash })
    expect(back.has('snapshot-installed')).toBe(true)
  })

  test('stays when it is told what was true before it was taken in, or is of another history', () => {
    const bench = Bench.formed()
    const { name } = follower(bench)
    bench.kill(name)
    const seat = bench.start(name)
    bench.pass(5000)
    const { configurations } = seat.replica
    const { index } = must(configurations.at(-1), 'a configuration')
    const { history } = seat.status
    const other = 'ff'.repeat(8) as HistoryId
    answerTo(bench, seat, { kind: 'removed', history: history ?? other, index, by: strangerNamed(name) })
    answerTo(bench, seat, { kind: 'removed', history: other, index: index + 1, by: strangerNamed(name) })
    expect(seat.isUp).toBe(true)
    answerTo(bench, seat, { kind: 'removed', history: history ?? other, index: index + 1, by: strangerNamed(name) })
    expect(seat.stop).toMatchObject({ reason: 'replaced' })
  })
})

describe('a server that was never taken in', () => {
  test('stays whatever it is told', () => {
    const bench = new Bench(['a', 'b', 'c'])
    const seat = bench.start('a')
    bench.start('b')
    bench.pass(500)
    const history = 'ff'.repeat(8) as HistoryId
    answerTo(bench, seat, { kind: 'removed', history, index: 1000, by: strangerNamed('a') })
    expect(seat.isUp).toBe(true)
  })

  test('asks to be, also when it has learned something already', () => {
    const bench = Bench.formed()
    const { name } = follower(bench)
    const leader = bench.leader()
    bench.kill(name)
    for (const other of ['a', 'b', 'c']) if (other !== name) bench.cut(other, name)
    const seat = bench.start(name)
    // A leader that died since began to teach it, and nobody else has heard of that.
    const puppet = new Puppet(bench, 'p')
    const link = puppet.greet(name, 'snapshot', { server: leader.machine.id })
    const { term, applied: index } = leader.status
    const members = encodeMembers(leader.replica.membersAt(index))
    const parts = [members, ...leader.machine.core.state.view().chunks(1000), new Uint8Array(0)]
    const chunk = (bytes: Uint8Array, i: number): Message => {
      const last = i === parts.length - 1
      return { kind: 'snapshot-chunk', term, index, indexTerm: term, chunk: i, last, bytes }
    }
    puppet.say(link, ...parts.map(chunk))
    expect(seat.status).toMatchObject({ role: 'joining', applied: index })
    bench.heal()
    bench.pass(6000)
    expect(bench.leader().replica.members.voters).toContain(seat.machine.id)
    expect(seat.status.applied).toBe(bench.leader().status.applied)
  })
})

describe('a server of a history that is over', () => {
  test('begins anew when it has only learned there, for the one that was recovered', () => {
    for (const durability of ['memory', 'fsync'] as const) {
      const bench = Bench.formed(['a', 'b', 'c'], { durability, limits: { snapshotEntries: 5, trailingEntries: 1 } })
      const leader = bench.leader()
      const client = new TestClient(bench)
      for (let number = 1; number <= 20; number++) client.send(number)
      bench.pass(200)
      const lost = bench.followers().map(({ name }) => name)
      for (const name of lost) {
        bench.kill(name)
        bench.seat(name).folder.files.clear()
      }
      const learner = bench.start(must(lost[0], 'a follower'))
      bench.pass(100)
      change(bench, leader.replica.members.voters, [learner.machine.id])
      bench.pass(3000)
      expect(learner.has('snapshot-installed')).toBe(true)
      expect(leader.status.role).not.toBe('leader')
      leader.act([{ kind: 'recover' }])
      bench.pass(3000)
      expect(learner.stop).toMatchObject({ reason: 'other-history', burnt: true })
      learner.folder.files.clear()
      const next = bench.start(learner.name)
      bench.pass(4000)
      expect(leader.replica.members.voters).toContain(next.machine.id)
      expect(next.status).toMatchObject({ history: leader.status.history, applied: leader.status.applied })
    }
  })

  test('ends nobody who is no member of the history that it calls', () => {
    const bench = Bench.formed()
    const puppet = new Puppet(bench, 'p')
    const history = 'ff'.repeat(8) as HistoryId
    for (const { name } of bench.followers())
      puppet.greet('a', 'peer', { server: strangerNamed(name === 'a' ? 'b' : name), history })
    expect(bench.seat('a').isUp).toBe(true)
  })
})
