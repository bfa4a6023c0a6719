import { assert, must } from '../lib/assert.ts'
import { hex } from '../lib/bytes.ts'
import { Prng } from '../lib/prng.ts'
import { utf8Read, utf8Write } from '../lib/utf8.ts'
import type { Millis } from '../machine.ts'
import {
  type Incarnation,
  type Index,
  nameOf,
  type ServerId,
  type ServerName,
  serverId,
  type Term,
} from '../wire/ids.ts'
import { payloadsOf, type Run, runBytes } from '../wire/run.ts'
import { encodeMembers, type Members, makeMembers } from './members.ts'
import { type ConsensusMessage, Replica } from './replica.ts'
import type { ReplicaEffect, ReplicaOptions } from './replica-state.ts'
import { TestDisk } from './test-disk.contract.ts'

/** What travels between the servers of a group: messages of consensus, and a snapshot in one piece with its answer. */
export type Parcel =
  | ConsensusMessage
  | SnapshotParcel
  | { readonly kind: 'snapshot-done'; readonly term: Term; readonly index: Index }

export interface SnapshotParcel {
  readonly kind: 'snapshot'
  readonly term: Term
  readonly index: Index
  readonly indexTerm: Term
  readonly stampMs: number
  readonly members: Members
}

export interface Packet {
  readonly from: string
  readonly to: string
  readonly parcel: Parcel
}

/** What a server did, beyond what can be read from it. */
export type Deed =
  | { readonly kind: 'sent'; readonly packet: Packet }
  | { readonly kind: 'asked-for-snapshot'; readonly by: string; readonly to: string }
  | { readonly kind: 'members'; readonly by: string; readonly index: Index; readonly members: Members }
  | { readonly kind: 'repaired'; readonly by: string; readonly index: Index }

export const testOptions: Omit<ReplicaOptions, 'id'> = {
  electionMsMin: 1000,
  heartbeatMs: 100,
  rankMs: 25,
  rushMs: 500,
  inflightMessagesMax: 3,
  inflightBytesMax: 1000,
  appendBytesMax: 200,
  uncommittedBytesMax: 2000,
}

/** One server of a group: its replica, its disk and its own clock. */
export class Seat {
  readonly name: string
  readonly disk = new TestDisk()
  replica: Replica
  now: Millis = 0
  isUp = true
  /** A snapshot that arrived; it is installed as soon as the disk holds it. */
  received: { readonly snapshot: SnapshotParcel; readonly ticket: number } | undefined
  readonly #options: ReplicaOptions

  constructor(name: string, options: ReplicaOptions) {
    this.name = name
    this.#options = options
    this.replica = this.#boot(undefined)
  }

  /** Comes back with what its disk holds; entries from `damagedFrom` on can't be read any more. */
  restart(damagedFrom?: Index): void {
    this.disk.crash()
    this.isUp = true
    this.received = undefined
    this.replica = this.#boot(damagedFrom)
  }

  #boot(damagedFrom: Index | undefined): Replica {
    const start = this.disk.recover(damagedFrom)
    const seed = new Uint8Array(16).fill(this.name.charCodeAt(0))
    return new Replica(this.#options, this.disk, new Prng(seed), start, this.now)
  }
}

/**
 * A few replicas over a pool of messages: nothing arrives and no time passes unless a test says so.
 * Invariant, checked after every deed: one leader a term, no committed entry differs between two servers or in a later
 * leader, and whatever the replicas themselves demand.
 * Not here: applying entries, connections, bytes.
 */
export class Group {
  readonly seats = new Map<string, Seat>()
  pool: Packet[] = []
  #deeds: Deed[] = []
  readonly #options: Omit<ReplicaOptions, 'id'>
  readonly #committed = new Map<Index, { readonly entry: string; readonly term: Term }>()
  readonly #leaders = new Map<Term, string>()

  constructor(names: readonly string[], learners: readonly string[] = [], options: Partial<ReplicaOptions> = {}) {
    this.#options = { ...testOptions, ...options }
    const founding = foundingRun(names, learners)
    for (const name of [...names, ...learners]) this.start(name).replica.adopt([founding])
    for (const name of this.seats.keys()) this.act(name, () => {})
    this.takeDeeds()
  }

  /** A server that holds nothing. */
  start(name: string): Seat {
    const seat = new Seat(name, { ...this.#options, id: idOf(name) })
    this.seats.set(name, seat)
    return seat
  }

  /** Puts a log of these terms, the founding entry first, onto the disk of a server and starts it from there. */
  begin(name: string, terms: readonly Term[], term: Term, commit: Index): void {
    const { disk } = this.seat(name)
    for (let i = 1; i < terms.length; i++) disk.append(textRun(i + 1, terms[i] ?? 0, [`${i + 1}.${terms[i]}`]))
    disk.noteCommit(commit)
    disk.saveHardState(term, undefined)
    this.restart(name)
    this.takeDeeds()
  }

  /** What was sent to the process that ended never reaches the next one. */
  restart(name: string, damagedFrom?: Index): void {
    this.pool = this.pool.filter(({ to }) => to !== name)
    this.seat(name).restart(damagedFrom)
    this.act(name, () => {})
  }

  seat(name: string): Seat {
    return must(this.seats.get(name), `no server ${name}`)
  }

  replica(name: string): Replica {
    return this.seat(name).replica
  }

  takeDeeds(): Deed[] {
    const deeds = this.#deeds
    this.#deeds = []
    return deeds
  }

  /** Lets a server do something, and then all that follows from it before anything else arrives. */
  act<T>(name: string, what: (replica: Replica, now: Millis) => T): T {
    const seat = this.seat(name)
    const { replica, now } = seat
    const result = what(replica, now)
    for (let quiet = false; !quiet; ) {
      replica.turn()
      replica.storageProgressed(now)
      this.#install(seat)
      const effects = replica.takeEffects()
      for (const effect of effects) this.#carryOut(name, effect)
      quiet = effects.length === 0
    }
    replica.checkInvariants()
    this.#witness(seat)
    return result
  }

  tick(name: string, ms: number): void {
    this.seat(name).now += ms
    this.act(name, (replica, now) => replica.tick(now))
  }

  /** Lets election timeouts pass on one server's clock until it asks for votes. */
  campaign(name: string): void {
    this.tick(name, 2 * this.#options.electionMsMin)
  }

  /** Lets a server win an election that nothing disturbs. */
  elect(name: string): void {
    this.campaign(name)
    this.settle()
    assert(this.replica(name).isReady, `${name} was not elected`)
    this.takeDeeds()
  }

  /** Takes packets of one kind out of the pool. */
  take<K extends Parcel['kind']>(kind: K, from: string, to: string): Extract<Parcel, { kind: K }>[] {
    const taken = this.pool.filter((packet) => packet.from === from && packet.to === to && packet.parcel.kind === kind)
    this.pool = this.pool.filter((packet) => !taken.includes(packet))
    return taken.map(({ parcel }) => parcel as Extract<Parcel, { kind: K }>)
  }

  /** Hands a server a message as if it came from another one. */
  receive(from: string, to: string, message: ConsensusMessage): void {
    this.act(to, (replica, now) => replica.receive(idOf(from), message, now))
  }

  propose(name: string, ...texts: string[]): Index | undefined {
    return this.act(name, (replica, now) => replica.propose('data', texts.map(bytesOf), 0, now))
  }

  changeMembers(name: string, voters: readonly string[], learners: readonly string[] = []): boolean {
    return this.act(name, (replica, now) => replica.changeMembers(membersOf(voters, learners), now))
  }

  /** Delivers a packet, which need not be in the pool any more. */
  deliver(packet: Packet): void {
    const position = this.pool.indexOf(packet)
    if (position >= 0) this.pool.splice(position, 1)
    const seat = this.seats.get(packet.to)
    if (seat === undefined || !seat.isUp) return
    const { from, to, parcel } = packet
    if (parcel.kind === 'snapshot') this.#takeSnapshot(seat, from, parcel)
    else if (parcel.kind === 'snapshot-done') this.#endSnapshot(to, from, parcel.term, parcel.index)
    else this.act(to, (replica, now) => replica.receive(idOf(from), parcel, now))
  }

  /**
   * Delivers what is in the pool, and what follows from it, until nobody has anything to say. `drop` decides what gets
   * lost.
   */
  settle(drop: (packet: Packet) => boolean = () => false): void {
    for (let packet = this.pool[0], count = 0; packet !== undefined; packet = this.pool[0], count++) {
      assert(count < 10_000, 'the group never comes to rest')
      if (drop(packet)) this.pool.shift()
      else this.deliver(packet)
    }
  }

  /** Sends a snapshot of everything that a server has committed. */
  sendSnapshot(from: string, to: string): void {
    const { replica } = this.seat(from)
    const index = replica.commit
    const indexTerm = must(replica.log.termAt(index), 'a snapshot ends where the log is known')
    const stampMs = replica.log.lastStampMs
    const members = replica.membersAt(index)
    this.#send(from, to, { kind: 'snapshot', term: replica.term, index, indexTerm, stampMs, members })
  }

  /** Takes a snapshot at `index`, durable at once, and forgets the log up to there. */
  compact(name: string, index: Index): void {
    const { disk, replica } = this.seat(name)
    const term = must(replica.log.termAt(index), 'a snapshot ends where the log is known')
    disk.keepSnapshot(index, term, replica.log.lastStampMs, replica.membersAt(index))
    this.act(name, () => replica.compact(index))
  }

  /** As a server does it: a snapshot is confirmed when it comes once more and is not needed. */
  #takeSnapshot(seat: Seat, from: string, snapshot: SnapshotParcel): void {
    const { index, indexTerm, stampMs, members, term } = snapshot
    if (!this.act(seat.name, (replica, now) => replica.hearLeader(idOf(from), term, now))) return
    if (index <= seat.replica.commit) {
      this.#send(seat.name, from, { kind: 'snapshot-done', term, index })
      return
    }
    if (seat.received !== undefined) return
    seat.disk.keepSnapshot(index, indexTerm, stampMs, members)
    seat.received = { snapshot, ticket: seat.disk.written }
    this.act(seat.name, () => {})
  }

  #install(seat: Seat): void {
    const { received, replica, disk } = seat
    if (received === undefined || disk.durable < received.ticket) return
    seat.received = undefined
    const { index, indexTerm, stampMs, members } = received.snapshot
    if (index > replica.commit) replica.installSnapshot(index, indexTerm, stampMs, members)
  }

  #endSnapshot(name: string, from: string, term: Term, index: Index): void {
    this.act(name, (replica) => {
      if (replica.term === term) replica.snapshotInstalled(idOf(from), index)
    })
  }

  #carryOut(by: string, effect: ReplicaEffect): void {
    if (effect.kind === 'send') this.#send(by, nameOf(effect.to), effect.message as ConsensusMessage)
    else if (effect.kind === 'need-snapshot')
      this.#deeds.push({ kind: 'asked-for-snapshot', by, to: nameOf(effect.to) })
    else if (effect.kind !== 'role') this.#deeds.push({ ...effect, by })
    if (effect.kind === 'repaired') this.seat(by).disk.repaired()
  }

  #send(from: string, to: string, parcel: Parcel): void {
    const packet = { from, to, parcel }
    this.pool.push(packet)
    this.#deeds.push({ kind: 'sent', packet })
  }

  #witness({ name, replica }: Seat): void {
    if (replica.role === 'leader') this.#witnessLeader(name, replica)
    for (let index = replica.log.baseIndex + 1; index <= replica.commit; index++) {
      const entry = must(entryAt(replica, index), 'a committed entry is in the log')
      const known = this.#committed.get(index)
      if (known === undefined) this.#committed.set(index, { entry, term: replica.term })
      else assert(known.entry === entry, `entry ${index} was committed as ${known.entry}, and on ${name} as ${entry}`)
    }
  }

  #witnessLeader(name: string, replica: Replica): void {
    const first = this.#leaders.get(replica.term) ?? name
    assert(first === name, `two leaders in term ${replica.term}: ${first} and ${name}`)
    this.#leaders.set(replica.term, name)
    for (const [index, { entry, term }] of this.#committed) {
      if (term > replica.term || index <= replica.log.baseIndex) continue
      assert(entryAt(replica, index) === entry, `leader ${name} lacks entry ${index}`)
    }
  }
}

export function idOf(name: string): ServerId {
  return serverId(name as ServerName, '0000000000000000' as Incarnation)
}

export function membersOf(
  voters: readonly string[],
  learners: readonly string[] = [],
  outgoing: readonly string[] = [],
) {
  const addresses = [...voters, ...learners, ...outgoing].map((name) => [idOf(name), `${name}:1`] as const)
  return makeMembers(voters.map(idOf), outgoing.map(idOf), learners.map(idOf), addresses)
}

export function textRun(firstIndex: Index, term: Term, texts: readonly string[]): Run {
  return { kind: 'data', firstIndex, term, stampMs: 0, count: texts.length, bytes: runBytes(texts.map(bytesOf)) }
}

/** The terms of the entries that a log holds, from its base on. */
export function termsOf(replica: Replica): Term[] {
  const terms: Term[] = []
  for (let index = replica.log.baseIndex + 1; index <= replica.log.lastIndex; index++)
    terms.push(replica.log.termAt(index) ?? 0)
  return terms
}

/** An entry as text: its term and its payload. */
export function entryAt(replica: Replica, index: Index): string | undefined {
  const run = replica.log.slice(index, index, 1)[0]
  if (run === undefined) return undefined
  const [, payload] = must([...payloadsOf(run)][0], 'a run has entries')
  if (run.kind !== 'data') return `${run.term} ${run.kind}${payload.length > 0 ? ` ${hex(payload)}` : ''}`
  return `${run.term} ${utf8Read(payload, 0, payload.length)}`
}

function foundingRun(voters: readonly string[], learners: readonly string[]): Run {
  const bytes = runBytes([encodeMembers(membersOf(voters, learners))])
  return { kind: 'members', firstIndex: 1, term: 1, stampMs: 0, count: 1, bytes }
}

function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3)
  return bytes.slice(0, utf8Write(text, bytes, 0))
}
