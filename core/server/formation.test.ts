import { describe, expect, test } from 'vitest'
import { encodeMembers, makeMembers } from '../consensus/members.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import type { HistoryId, Link, ServerId } from '../wire/ids.ts'
import { type Run, runBytes } from '../wire/run.ts'
import { addressOf, Bench } from './bench.contract.ts'
import { Puppet, strangerNamed } from './puppet.contract.ts'

const historyA = '00000000000000aa' as HistoryId

/** What a founder that a test plays sends to those who promised. */
function founding(voters: readonly ServerId[], history = historyA): readonly [Run, Run] {
  const found = encodeCommand({ kind: 'found', history, servers: '' })
  const members = encodeMembers(
    makeMembers(
      voters,
      [],
      [],
      voters.map((id) => [id, addressOf(id.slice(0, 1))] as const),
    ),
  )
  return [
    { kind: 'data', firstIndex: 1, term: 1, stampMs: 5, count: 1, bytes: runBytes([found]) },
    { kind: 'members', firstIndex: 2, term: 1, stampMs: 5, count: 1, bytes: runBytes([members]) },
  ]
}

/** A founder that a test plays, and one real server that it asks. */
function founderAndOne() {
  const bench = new Bench(['a', 'b'])
  const seat = bench.start('b')
  const founders = [1, 2].map((number) => {
    const puppet = new Puppet(bench, 'a')
    const id = strangerNamed('a', number)
    return { puppet, id, link: puppet.greet('b', 'peer', { server: id }) }
  })
  const [first, second] = founders as [(typeof founders)[0], (typeof founders)[0]]
  return { bench, seat, first, second }
}

describe('a group', () => {
  test('forms only once all servers named have answered', () => {
    const bench = new Bench(['a', 'b', 'c'])
    bench.start('a')
    bench.start('b')
    bench.pass(10_000)
    expect(bench.seat('a').status).toMatchObject({ role: 'forming', history: undefined, last: 0 })
    bench.start('c')
    bench.pass(4000)
    const histories = new Set([...bench.seats.values()].map(({ status }) => status.history))
    expect(histories.size).toBe(1)
    expect(histories.has(undefined)).toBe(false)
    expect(bench.leader().status.members.map(({ server, voter }) => [server.slice(0, 1), voter])).toEqual([
      ['a', true],
      ['b', true],
      ['c', true],
    ])
  })

  test('forms anew when its founder dies between the promises and its word', () => {
    const bench = new Bench(['a', 'b', 'c'])
    bench.start('b')
    bench.start('c')
    const founder = new Puppet(bench, 'a')
    const links = ['b', 'c'].map((name) => founder.greet(name, 'peer', { server: strangerNamed('a') }))
    for (const link of links) founder.say(link, { kind: 'form-ask', ask: 9 })
    expect(founder.take('form-answer').map(({ promised }) => promised)).toEqual([true, true])
    for (const link of links) founder.close(link)
    const { machine } = bench.start('a')
    bench.pass(4000)
    expect(bench.leader().status.history).toBe(machine.core.history)
    expect(bench.leader().replica.members.voters).toContain(machine.id)
  })

  test('has no more voters than it may: the servers beyond learn', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const bench = Bench.formed(names)
    bench.pass(2000)
    const { voters, learners } = bench.leader().replica.members
    expect(voters.map((id) => id.slice(0, 1))).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(learners.map((id) => id.slice(0, 1))).toEqual(['f', 'g'])
    for (const seat of bench.seats.values()) expect(seat.status.applied).toBe(bench.leader().status.applied)
  })
})

describe('a server that holds nothing', () => {
  test('adopts the word of the founder that it promised', () => {
    const { seat, first } = founderAndOne()
    first.puppet.say(first.link, { kind: 'form-ask', ask: 1 })
    first.puppet.say(first.link, { kind: 'form', ask: 1, runs: founding([first.id, seat.machine.id]) })
    expect(seat.status).toMatchObject({ history: historyA, last: 2 })
    first.puppet.say(first.link, { kind: 'form-ask', ask: 2 })
    expect(first.puppet.take('form-answer').map(({ promised }) => promised)).toEqual([true, false])
  })

  test('adopts nothing from an incarnation of the founder that it promised before another one', () => {
    const { seat, first, second } = founderAndOne()
    first.puppet.say(first.link, { kind: 'form-ask', ask: 1 })
    second.puppet.say(second.link, { kind: 'form-ask', ask: 1 })
    first.puppet.say(first.link, { kind: 'form', ask: 1, runs: founding([first.id, seat.machine.id]) })
    expect(seat.status.last).toBe(0)
    const other = '00000000000000bb' as HistoryId
    second.puppet.say(second.link, { kind: 'form', ask: 1, runs: founding([second.id, seat.machine.id], other) })
    expect(seat.status.history).toBe(other)
  })

  test('adopts nothing of an ask that a later one replaced', () => {
    const { seat, first } = founderAndOne()
    first.puppet.say(first.link, { kind: 'form-ask', ask: 1 }, { kind: 'form-ask', ask: 2 })
    first.puppet.say(first.link, { kind: 'form', ask: 1, runs: founding([first.id, seat.machine.id]) })
    expect(seat.status.last).toBe(0)
  })

  test('promises nothing to a server that is not the founder', () => {
    const bench = new Bench(['a', 'b', 'c'])
    bench.start('b')
    const puppet = new Puppet(bench, 'c')
    const link = puppet.greet('b', 'peer', { server: strangerNamed('c') })
    puppet.say(link, { kind: 'form-ask', ask: 1 })
    expect(puppet.take('form-answer')).toEqual([])
  })

  const [found, members] = founding([strangerNamed('a')])
  const unreadable = { ...members, bytes: runBytes([Uint8Array.of(200, 1)]) }
  test.each<[string, readonly Run[]]>([
    ['nothing', []],
    ['a history without members', [found]],
    [
      'entries that begin too late',
      [
        { ...found, firstIndex: 2 },
        { ...members, firstIndex: 3 },
      ],
    ],
    [
      'entries of a term that nobody was elected in',
      [
        { ...found, term: 7 },
        { ...members, term: 7 },
      ],
    ],
    ['members that are none', [found, unreadable]],
    ['members twice', [found, members, { ...members, firstIndex: 3 }]],
    ['stamps that fall', [{ ...found, stampMs: 9 }, members]],
    ['no history', [{ ...found, bytes: runBytes([new Uint8Array(3)]) }, members]],
  ])('adopts no founding that is %s', (_, runs) => {
    const { bench, seat, first } = founderAndOne()
    first.puppet.say(first.link, { kind: 'form-ask', ask: 1 })
    first.puppet.say(first.link, { kind: 'form', ask: 1, runs })
    bench.pass(100)
    expect(seat.status).toMatchObject({ last: 0, history: undefined })
  })
})

describe('a founder', () => {
  test('founds at once when it is alone and nobody can reach it', () => {
    const bench = new Bench(['a'])
    const seat = bench.start('a', false)
    bench.pass(0)
    expect(seat.status).toMatchObject({ history: seat.machine.core.history, last: 2 })
    expect(seat.has('formed')).toBe(true)
  })

  test('founds no earlier than 1.6 s after it started when it listens', () => {
    const bench = new Bench(['a'])
    const seat = bench.start('a')
    bench.pass(1599)
    expect(seat.has('formed')).toBe(false)
    bench.pass(1)
    expect(seat.has('formed')).toBe(true)
  })

  test('founds on no promise that it did not ask for', () => {
    const bench = new Bench(['a', 'b'])
    const other = new Puppet(bench, 'b').listen()
    const seat = bench.start('a')
    bench.pass(0)
    const link = other.links[0] as Link
    const { connection } = other.take('hello')[0] ?? { connection: 0 }
    const { group } = seat.machine.status()
    const server = strangerNamed('b')
    other.say(link, { kind: 'welcome', protocol: 1, group, history: undefined, server, connection })
    other.say(link, { kind: 'form-answer', ask: 0, promised: true })
    bench.pass(1000)
    expect(seat.has('formed')).toBe(false)
    bench.pass(1000)
    const asks = other.take('form-ask')
    expect(asks.length).toBeGreaterThan(0)
    other.say(link, { kind: 'form-answer', ask: asks.at(-1)?.ask ?? 0, promised: true })
    expect(seat.has('formed')).toBe(true)
    expect(other.take('form').map(({ ask }) => ask)).toEqual([asks.at(-1)?.ask])
  })
})
