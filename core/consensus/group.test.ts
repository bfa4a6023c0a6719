import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Prng } from '../lib/prng.ts'
import { Group } from './group.contract.ts'

const names = ['a', 'b', 'c', 'd', 'e']

/**
 * Everything that may go wrong, one step at a time, chosen by dice. Each seed has weather of its own: some kinds of
 * trouble are frequent, others rare.
 */
class Storm {
  readonly group: Group
  readonly #prng: Prng
  readonly #weights: readonly (readonly [weight: number, step: (name: string) => void])[]
  #proposed = 0

  constructor(seed: number) {
    this.#prng = new Prng(new Uint8Array(16).map((_, i) => seed >>> (8 * (i % 4))))
    this.group = new Group(names.slice(0, 3 + this.#prng.below(2)), [], { appendBytesMax: 20, inflightBytesMax: 60 })
    for (const name of names) if (!this.group.seats.has(name)) this.group.start(name)
    const often = (weight: number) => weight * this.#pick([0, 1, 1, 4])
    this.#weights = [
      [600, () => this.#deliver()],
      [often(40), () => this.#lose()],
      [often(40), () => this.#repeat()],
      [80, (name) => this.#tick(name)],
      [100, (name) => this.#propose(name)],
      [often(12), (name) => this.#crash(name)],
      [10, (name) => this.#restart(name)],
      [often(20), (name) => this.#disk(name)],
      [often(10), (name) => this.#change(name)],
      [often(10), (name) => this.#compact(name)],
      [often(10), (name) => this.#rare(name)],
      [20, () => this.#sendSnapshots()],
    ]
  }

  step(): void {
    let dice = this.#prng.below(this.#weights.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, step] of this.#weights) {
      dice -= weight
      if (dice >= 0) continue
      step(this.#pick(names))
      return
    }
  }

  /** Heals everything and waits until all members hold the same. */
  calm(): void {
    const { group } = this
    group.pool = []
    for (const [name, seat] of group.seats) {
      seat.disk.release()
      if (!seat.isUp) group.restart(name)
      group.act(name, () => {})
    }
    for (let round = 0; round < 200 && !this.isCalm; round++) {
      for (const name of names) group.tick(name, 50)
      for (let i = 0; i < 10; i++) for (const packet of [...group.pool]) group.deliver(packet)
      this.#sendSnapshots()
    }
  }

  get isCalm(): boolean {
    const leader = [...this.group.seats.values()].find((seat) => seat.replica.role === 'leader')
    if (leader === undefined || !leader.replica.isReady) return false
    const { members, commit, log } = leader.replica
    if (members.outgoing.length > 0 || commit !== log.lastIndex) return false
    return members.voters.every((id) => this.group.replica(id.slice(0, 1)).commit === commit)
  }

  #deliver(): void {
    const reach = this.#prng.below(8) === 0 ? this.group.pool.length : Math.min(this.group.pool.length, 2)
    const packet = this.group.pool[this.#prng.below(reach || 1)]
    if (packet !== undefined) this.group.deliver(packet)
    if (this.group.pool.length > 200) this.group.pool.splice(0, 100)
  }

  #lose(): void {
    this.group.pool.splice(this.#prng.below(this.group.pool.length || 1), 1)
  }

  #repeat(): void {
    const packet = this.group.pool[this.#prng.below(this.group.pool.length || 1)]
    if (packet !== undefined) this.group.pool.push({ ...packet })
  }

  #tick(name: string): void {
    const { group } = this
    const up = names.filter((other) => group.seat(other).isUp)
    if (this.#prng.below(4) > 0) for (const other of up) group.tick(other, 50)
    else if (up.includes(name)) group.tick(name, this.#pick([1, 100, 2000]))
  }

  #propose(name: string): void {
    const leader = names.find((other) => this.group.replica(other).role === 'leader') ?? name
    if (!this.group.seat(leader).isUp) return
    this.group.propose(leader, ...Array.from({ length: 1 + this.#prng.below(3) }, () => `x${this.#proposed++}`))
  }

  #crash(name: string): void {
    this.group.seat(name).isUp = false
  }

  /** Sometimes with a damaged log, but never two servers at a time: what nobody holds any more, nobody can repair. */
  #restart(name: string): void {
    const seat = this.group.seat(name)
    if (seat.isUp) return
    const { baseIndex, lastIndex } = seat.replica.log
    const others = [...this.group.seats.values()].filter((other) => other !== seat)
    if (this.#prng.below(2) > 0 || others.some(({ replica }) => replica.repairing)) this.group.restart(name)
    else this.group.restart(name, baseIndex + 1 + this.#prng.below(lastIndex - baseIndex + 1))
  }

  #disk(name: string): void {
    const { disk, isUp } = this.group.seat(name)
    if (!disk.isHeld) disk.hold()
    else if (this.#prng.below(3) === 0) disk.release()
    else disk.persist(this.#prng.below(3))
    if (isUp) this.group.act(name, () => {})
  }

  #change(name: string): void {
    const voters = names.filter(() => this.#prng.below(5) < 3)
    const learners = names.filter((other) => !voters.includes(other) && this.#prng.below(2) === 0)
    if (voters.length > 0 && this.group.seat(name).isUp) this.group.changeMembers(name, voters, learners)
  }

  #compact(name: string): void {
    const { replica, isUp } = this.group.seat(name)
    if (isUp && replica.commit > replica.log.baseIndex) this.group.compact(name, replica.commit)
  }

  #rare(name: string): void {
    const { group } = this
    const { isUp } = group.seat(name)
    const other = group.replica(this.#pick(names)).id
    if (!isUp) return
    if (this.#prng.below(2) === 0) group.act(name, (replica, now) => replica.leaderGone(now))
    else group.act(name, (replica, now) => replica.transfer(other, now))
  }

  #sendSnapshots(): void {
    for (const [name, { replica, isUp }] of this.group.seats) {
      if (replica.role !== 'leader' || !isUp || replica.log.termAt(replica.commit) === undefined) continue
      for (const other of names) {
        const progress = replica.progressOf(this.group.replica(other).id)
        if (progress?.state === 'snapshot') this.group.sendSnapshot(name, other)
      }
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#prng.below(list.length)] as T
  }
}

describe('a group of replicas', () => {
  test('keeps one history under any storm, and comes to rest after it', () => {
    const seen = { commit: 0, term: 0, snapshots: 0, changes: 0, repairs: 0 }
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const storm = new Storm(seed)
        for (let i = 0; i < 600; i++) storm.step()
        storm.calm()
        const { group, isCalm } = storm
        const replicas = [...group.seats.values()].map(({ replica }) => replica)
        // Of two voters, one damaged and one behind it, neither can go on without the other.
        expect(isCalm || replicas.some(({ repairing }) => repairing)).toBe(true)
        seen.commit += Math.max(...replicas.map(({ commit }) => commit))
        seen.term += Math.max(...replicas.map(({ term }) => term))
        seen.snapshots += replicas.filter(({ log }) => log.baseIndex > 0).length
        for (const { kind } of group.takeDeeds()) {
          if (kind === 'members') seen.changes++
          else if (kind === 'repaired') seen.repairs++
        }
      }),
      { seed: 11, numRuns: 120 },
    )
    expect(seen.commit).toBeGreaterThan(1000)
    expect(seen.term).toBeGreaterThan(150)
    expect(seen.snapshots).toBeGreaterThan(20)
    expect(seen.changes).toBeGreaterThan(100)
    expect(seen.repairs).toBeGreaterThan(0)
  })
})
