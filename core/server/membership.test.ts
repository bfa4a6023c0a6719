import { describe, expect, test } from 'vitest'
import { nameOf } from '../wire/ids.ts'
import { addressOf, Bench, type Seat } from './bench.contract.ts'
import { Puppet, strangerNamed, TestClient } from './puppet.contract.ts'

const namesOf = (ids: readonly string[]) => ids.map((id) => id.slice(0, 1))
const voters = (seat: Seat) => seat.replica.members.voters

/** A member that does not lead. */
function follower(bench: Bench): Seat {
  const [seat] = bench.followers()
  if (seat === undefined) throw new Error('nobody follows')
  return seat
}

describe('a replacement', () => {
  test('of a server that lost its memory becomes a voter in its place', () => {
    const bench = Bench.formed()
    const { name } = follower(bench)
    bench.kill(name)
    const seat = bench.start(name)
    bench.pass(5000)
    expect(namesOf(voters(bench.leader()))).toEqual(['a', 'b', 'c'])
    expect(voters(bench.leader())).toContain(seat.machine.id)
    expect(seat.status).toMatchObject({ role: 'follower', applied: bench.leader().status.applied })
  })

  test('is not admitted before the one it replaces was silent for an election timeout', () => {
    const bench = Bench.formed()
    const { name } = follower(bench)
    bench.kill(name)
    const { machine } = bench.start(name)
    bench.pass(900)
    const { learners } = bench.leader().replica.members
    expect([...voters(bench.leader()), ...learners]).not.toContain(machine.id)
    bench.pass(400)
    expect([...bench.leader().replica.members.learners, ...voters(bench.leader())]).toContain(machine.id)
  })

  test('is not admitted while the one it would replace is connected', () => {
    const bench = Bench.formed()
    const other = follower(bench)
    const puppet = new Puppet(bench, 'p')
    const server = strangerNamed(other.name)
    const link = puppet.greet(bench.leader().name, 'peer', { server })
    for (let i = 0; i < 20; i++) {
      puppet.say(link, { kind: 'join', server, address: addressOf(other.name) })
      bench.pass(250)
    }
    expect(voters(bench.leader())).toContain(other.machine.id)
    expect(bench.leader().replica.members.learners).toEqual([])
  })

  test('learns before it votes', () => {
    const bench = Bench.formed()
    const leader = bench.leader()
    const { name } = follower(bench)
    bench.kill(name)
    const { machine } = bench.start(name)
    const steps: string[] = []
    for (let i = 0; i < 500; i++) {
      bench.pass(10)
      const { members } = leader.replica
      const voter = members.voters.includes(machine.id)
      const step = members.learners.includes(machine.id) ? 'learner' : voter ? 'voter' : 'none'
      if (step !== steps.at(-1)) steps.push(step)
      if (voter) expect(leader.replica.progressOf(machine.id)?.match).toBeGreaterThan(0)
    }
    expect(steps).toEqual(['none', 'learner', 'voter'])
  })

  test('is asked for with an address of a sane length and by nobody but itself', () => {
    const bench = Bench.formed()
    const { name } = follower(bench)
    bench.kill(name)
    const puppet = new Puppet(bench, 'p')
    const server = strangerNamed(name)
    const link = puppet.greet(bench.leader().name, 'peer', { server })
    for (let i = 0; i < 12; i++) {
      puppet.say(link, { kind: 'join', server, address: 'x'.repeat(600) })
      puppet.say(link, { kind: 'join', server: strangerNamed(name, 2), address: 'x' })
      puppet.say(link, { kind: 'join', server: strangerNamed('nobody'), address: 'x' })
      bench.pass(250)
    }
    expect(bench.leader().replica.members.learners).toEqual([])
    puppet.say(link, { kind: 'join', server, address: 'x' })
    bench.pass(100)
    expect(bench.leader().replica.members.learners).toEqual([server])
  })

  test('that disappears again is replaced in turn, and forgotten', () => {
    const bench = Bench.formed()
    const { name } = follower(bench)
    for (let i = 0; i < 3; i++) {
      bench.kill(name)
      bench.start(name)
      bench.pass(1500)
    }
    bench.pass(5000)
    const { members } = bench.leader().replica
    expect(members.learners).toEqual([])
    expect(namesOf(members.voters)).toEqual(['a', 'b', 'c'])
    expect(members.voters).toContain(bench.seat(name).machine.id)
    expect(members.addresses.size).toBe(3)
  })
})

describe('the voters', () => {
  test('are never more than allowed, whoever wants in', () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const bench = Bench.formed(names, { limits: { votersMax: 3 } })
    bench.pass(3000)
    for (const name of ['d', 'b', 'e']) {
      bench.kill(name)
      bench.start(name)
      for (let i = 0; i < 60; i++) {
        bench.pass(100)
        expect(voters(bench.leader()).length).toBeLessThanOrEqual(3)
      }
    }
  })

  test('lose one that leaves, and the rest serve on', () => {
    const bench = Bench.formed()
    const seat = follower(bench)
    const client = new TestClient(bench)
    seat.act([{ kind: 'shutdown' }])
    bench.pass(500)
    expect(seat.stop).toMatchObject({ reason: 'stopped', burnt: false })
    expect(voters(bench.leader())).toHaveLength(2)
    expect(voters(bench.leader()).map(nameOf)).not.toContain(seat.name)
    client.send(1)
    expect(client.numbers()).toEqual([1])
  })
})

describe('a lost majority', () => {
  function survivor() {
    const bench = Bench.formed()
    const seat = bench.leader()
    const others = bench.followers().map(({ name }) => name)
    for (const name of others) bench.kill(name)
    return { bench, seat, others }
  }

  test('is noticed by who survives it, told to those who want in, and told once', () => {
    const { bench, seat, others } = survivor()
    for (const name of others) bench.start(name)
    bench.pass(10_000)
    expect(seat.status.majorityLost).toBe(true)
    expect(seat.events.filter(({ kind }) => kind === 'majority-lost')).toHaveLength(1)
    const puppet = new Puppet(bench, 'p')
    const server = strangerNamed(others[0] ?? '')
    const link = puppet.greet(seat.name, 'peer', { server })
    puppet.say(link, { kind: 'join', server, address: 'x' })
    expect(puppet.take('join-refused')).toEqual([{ kind: 'join-refused', code: 'MAJORITY_LOST' }])
  })

  test('is none while the others are merely away', () => {
    const { bench, seat } = survivor()
    bench.pass(10_000)
    expect(seat.status.majorityLost).toBe(false)
  })

  test('is none when one of three forgot everything, whatever strangers claim to be', () => {
    const bench = Bench.formed()
    const seat = bench.leader()
    const puppet = new Puppet(bench, 'p')
    for (const { name } of bench.followers()) {
      const server = strangerNamed(name)
      const link = puppet.greet(seat.name, 'peer', { server })
      puppet.say(link, { kind: 'join', server, address: 'x' })
    }
    bench.pass(2000)
    expect(seat.status.majorityLost).toBe(false)
    expect(seat.has('majority-lost')).toBe(false)
  })
})
