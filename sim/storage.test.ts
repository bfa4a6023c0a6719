import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DiskOp } from '../core/storage/disk.ts'
import type { StorageOptions } from '../core/storage/options.ts'
import type { HardState, Recovered } from '../core/storage/stable-storage.ts'
import { Storage } from '../core/storage/storage.ts'
import type { Index, ServerId, ServerName, Term } from '../core/wire/ids.ts'
import { payloadsOf, runBytes } from '../core/wire/run.ts'
import { SimDisk } from './disk.ts'
import { createDice, type Dice } from './prng.ts'

/*
 * Storage on the simulated disk against a model that knows, for every ticket, what the server had said by then. After
 * any crash the storage must give back what some ticket not below the durable one stood for, and nothing else.
 */

const server = 'a#0000000000000001' as ServerId
const peers = [undefined, server, 'b#0000000000000002' as ServerId]
const options: StorageOptions = {
  name: 'a' as ServerName,
  group: undefined,
  blockBytes: 512,
  segmentBytes: 4096,
  flushBytesMax: 1500,
  sealMs: 1,
}

interface Entry {
  readonly term: Term
  readonly text: string
}

/** The log as the server knows it, sparse below its base. */
interface Moment {
  readonly hard: HardState
  readonly base: Index
  readonly last: Index
  readonly entries: ReadonlyMap<Index, Entry>
}

const nothing: Moment = { hard: { term: 0, votedFor: undefined }, base: 0, last: 0, entries: new Map() }

class Trial {
  readonly disk: SimDisk
  readonly reached = { torn: 0, crashes: 0, resets: 0, snapshots: 0, replaced: 0 }
  readonly #dice: Dice
  #storage: Storage
  /** By ticket. */
  #moments: Moment[]
  /** What may come back while nothing of this life is durable, the opening included. */
  #older: readonly Moment[] = []
  #commit: Index = 0
  #snapshotTerms = new Map<Index, Term>([[0, 0]])
  #snapshotBegun: { readonly index: Index; readonly term: Term; reset: boolean } | undefined
  #pending: { readonly op: DiskOp; readonly atUs: number; readonly order: number }[] = []
  #nowUs = 0
  #entries = 0
  #syncMayFail = false

  constructor(seed: string) {
    this.#dice = createDice(seed)
    this.disk = new SimDisk(this.#dice.fork('disk'))
    const { storage } = this.#open()
    this.#storage = storage
    this.#moments = [nothing, nothing]
  }

  step(): void {
    const draw = this.#dice.intInclusive(0, 99)
    if (draw < 30) this.#append()
    else if (draw < 40) this.#vote()
    else if (draw < 48) this.#noteCommit()
    else if (draw < 56) this.#snapshot()
    else if (draw < 60) this.#install()
    else if (draw < 68) this.#storage.turn(this.#nowUs / 1000)
    else if (draw < 97) this.#pass(this.#dice.exponential(300))
    else this.#crash()
    this.#take()
    this.#storage.checkInvariants()
  }

  crashAndCheck(): void {
    this.#crash()
  }

  /** Lets everything become durable and be sealed. */
  drain(): void {
    if (this.#storage.snapshotBusy) this.#storage.abandonSnapshot()
    while (this.#storage.durable < this.#storage.written || this.#storage.nextDeadline() !== undefined) {
      this.#storage.turn(this.#nowUs / 1000)
      this.#take()
      this.#pass(1000)
    }
    this.#take()
    this.#pass(10_000)
  }

  /**
   * After `drain`: opens a folder with one bad bit, which must be noticed unless it took nothing away. True when it
   * was.
   */
  rotAndCheck(accept: (file: string) => boolean): boolean {
    if (this.disk.rotAnywhere(accept) === undefined) return false
    const { recovered } = this.#open()
    const whole = behind(this.#now, recovered.baseIndex, recovered.baseTerm)
    const entries = entriesOf(recovered)
    const kept = new Map([...whole].filter(([index]) => index <= recovered.baseIndex + entries.size))
    expect(render(entries)).toBe(render(kept))
    expect(same(recovered, this.#now.hard)).toBe(true)
    if (recovered.damage === undefined) {
      expect(recovered.baseIndex + entries.size).toBe(this.#now.last)
      return false
    }
    expect(recovered.damage.from).toBe(recovered.baseIndex + entries.size + 1)
    expect(recovered.damage.upTo).toBeGreaterThanOrEqual(this.#now.last)
    return true
  }

  /** After `drain`: one sync fails; what was durable before must be there after any crash. */
  failSyncAndCheck(): void {
    this.disk.failNextSync()
    this.#syncMayFail = true
    this.#vote()
    const { durable, snapshotDurable } = this.#storage
    this.#storage.turn(this.#nowUs / 1000)
    this.#take()
    this.#pass(10_000)
    expect(this.#storage.failure?.burnt).toBe(true)
    expect(this.#storage.durable).toBe(durable)
    this.disk.powerLoss()
    this.#check(this.#open().recovered, this.#moments.slice(durable), snapshotDurable)
  }

  get #now(): Moment {
    return this.#moments.at(-1) ?? nothing
  }

  #append(): void {
    const { hard, last, base } = this.#now
    if (hard.term === 0) return
    const firstIndex = this.#dice.chance(1, 4) ? this.#replaceable() : last + 1
    if (firstIndex <= last) this.reached.replaced++
    const texts = Array.from({ length: this.#dice.intInclusive(1, 4) }, () => {
      return `${++this.#entries}${'.'.repeat(this.#dice.intInclusive(0, 200))}`
    })
    const bytes = runBytes(texts.map((text) => Uint8Array.from(text, (unit) => unit.charCodeAt(0))))
    this.#storage.append({ kind: 'data', firstIndex, term: hard.term, stampMs: 1, count: texts.length, bytes })
    const entries = new Map([...this.#now.entries].filter(([index]) => index < firstIndex))
    texts.forEach((text, i) => {
      entries.set(firstIndex + i, { term: hard.term, text })
    })
    this.#say({ hard, base, last: firstIndex + texts.length - 1, entries })
  }

  /**
   * A place in the log that an entry of this term may take: behind what is committed, and never that of another of the
   * same term.
   */
  #replaceable(): Index {
    const { hard, last, base, entries } = this.#now
    const firstIndex = this.#dice.intInclusive(Math.min(Math.max(this.#commit, base), last) + 1, last + 1)
    return (entries.get(firstIndex)?.term ?? 0) < hard.term ? firstIndex : last + 1
  }

  #vote(): void {
    const hard = { term: this.#now.hard.term + this.#dice.intInclusive(0, 1), votedFor: this.#dice.pick(peers) }
    this.#storage.saveHardState(hard.term, hard.votedFor)
    this.#say({ ...this.#now, hard })
  }

  #noteCommit(): void {
    this.#commit = this.#dice.intInclusive(this.#commit, Math.max(this.#commit, this.#now.last))
    this.#storage.noteCommit(this.#commit)
  }

  #snapshot(): void {
    if (this.#storage.snapshotBusy) {
      this.#feedSnapshot()
      return
    }
    const index = this.#commit
    const term = this.#now.entries.get(index)?.term
    if (index <= this.#storage.snapshotDurable || term === undefined) return
    this.#begin(index, term, false)
  }

  #install(): void {
    if (this.#storage.snapshotBusy || this.#now.hard.term === 0) return
    const index = this.#commit + this.#dice.intInclusive(1, this.#now.last - this.#commit + 8)
    if (this.#conflicts(index, this.#now.hard.term)) this.#begin(index, this.#now.hard.term, true)
  }

  /**
   * Whether a snapshot that ends there replaces the log, which is shorter or uncommitted and of an older term at that
   * place.
   */
  #conflicts(index: Index, term: Term): boolean {
    return index > this.#commit && (index > this.#now.last || (this.#now.entries.get(index)?.term ?? term) < term)
  }

  #begin(index: Index, term: Term, reset: boolean): void {
    this.#storage.beginSnapshot(index, term)
    this.#snapshotBegun = { index, term, reset }
    this.#snapshotTerms.set(index, term)
  }

  #feedSnapshot(): void {
    const begun = this.#snapshotBegun
    if (begun === undefined) return
    const next = this.#dice.intInclusive(0, 9)
    if (next < 6) this.#storage.snapshotChunk(this.#dice.bytes(this.#dice.intInclusive(0, 900)))
    else {
      if (next < 9 && (!begun.reset || this.#conflicts(begun.index, begun.term))) this.#endSnapshot(begun)
      else this.#storage.abandonSnapshot()
      this.#snapshotBegun = undefined
    }
  }

  #endSnapshot({ index, term, reset }: { index: Index; term: Term; reset: boolean }): void {
    this.#storage.endSnapshot()
    this.reached.snapshots++
    if (!reset) return
    this.#storage.reset(index, term)
    this.#commit = index
    this.#say({ hard: this.#now.hard, base: index, last: index, entries: new Map() })
    this.reached.resets++
  }

  #say(moment: Moment): void {
    this.#moments.push(moment)
    expect(this.#storage.written).toBe(this.#moments.length - 1)
  }

  #take(): void {
    for (const op of this.#storage.takeOps()) {
      this.#pending.push({ op, atUs: this.#nowUs + this.disk.start(op, this.#nowUs), order: op.id })
    }
  }

  #pass(us: number): void {
    const until = this.#nowUs + us
    for (;;) {
      this.#pending.sort((a, b) => a.atUs - b.atUs || a.order - b.order)
      const next = this.#pending[0]
      if (next === undefined || next.atUs > until) break
      this.#pending.shift()
      this.#nowUs = next.atUs
      this.#storage.done({ kind: 'disk-done', id: next.op.id, error: this.disk.complete(next.op) }, this.#nowUs / 1000)
      if (!this.#syncMayFail) expect(this.#storage.failure).toBeUndefined()
      this.#take()
    }
    this.#nowUs = until
    if ((this.#storage.nextDeadline() ?? Number.POSITIVE_INFINITY) <= until / 1000) this.#storage.turn(until / 1000)
  }

  #crash(): void {
    this.reached.crashes++
    if (this.#dice.chance(2, 3)) this.disk.powerLoss()
    else this.disk.processCrash()
    this.#pending = []
    const { durable, snapshotDurable } = this.#storage
    const { storage, recovered } = this.#open()
    const possible = durable === 0 ? [...this.#older, ...this.#moments] : this.#moments.slice(durable)
    const moment = this.#check(recovered, possible, snapshotDurable)
    this.#older = possible
    if (recovered.torn) this.reached.torn++
    this.#storage = storage
    this.#moments = [moment, moment]
    this.#snapshotBegun = undefined
    this.#commit = recovered.commit
  }

  #open(): { storage: Storage; recovered: Recovered } {
    const opened = Storage.open(this.disk.reader(), options, server)
    if ('refused' in opened) throw new Error(opened.text)
    return opened
  }

  /** Finds the moment that was recovered; fails when there is none. */
  #check(recovered: Recovered, possible: readonly Moment[], snapshotDurable: Index): Moment {
    expect(recovered.damage).toBeUndefined()
    expect(recovered.baseIndex).toBeGreaterThanOrEqual(snapshotDurable)
    expect(recovered.baseTerm).toBe(this.#snapshotTerms.get(recovered.baseIndex))
    expect(recovered.commit).toBeLessThanOrEqual(Math.max(this.#commit, recovered.baseIndex))
    const entries = entriesOf(recovered)
    const hard = { term: recovered.term, votedFor: recovered.votedFor }
    const last = recovered.baseIndex + entries.size
    const text = render(entries)
    const logAt = possible.findIndex(
      (moment) => render(behind(moment, recovered.baseIndex, recovered.baseTerm)) === text,
    )
    expect(logAt, 'a log that never was, or one given up too soon').toBeGreaterThanOrEqual(0)
    const hardAt = possible.findLastIndex((moment) => same(moment.hard, hard))
    expect(hardAt, 'a hard state that never was, or one given up too soon').toBeGreaterThanOrEqual(logAt)
    const before = possible[logAt]?.entries ?? new Map<Index, Entry>()
    const covered = before.get(recovered.baseIndex)?.term === recovered.baseTerm ? before : new Map<Index, Entry>()
    return { hard, base: recovered.baseIndex, last, entries: new Map([...covered, ...entries]) }
  }
}

function entriesOf(recovered: Recovered): Map<Index, Entry> {
  const entries = new Map<Index, Entry>()
  for (const run of recovered.runs) {
    for (const [index, payload] of payloadsOf(run)) {
      expect(index).toBe(recovered.baseIndex + entries.size + 1)
      entries.set(index, { term: run.term, text: String.fromCharCode(...payload) })
    }
  }
  return entries
}

/**
 * What a moment's log amounts to behind a snapshot: nothing when it is shorter, or was of another history at that
 * place.
 */
function behind(moment: Moment, base: Index, baseTerm: Term): ReadonlyMap<Index, Entry> {
  const atBase = moment.entries.get(base)
  if (moment.last <= base || (atBase !== undefined && atBase.term !== baseTerm)) return new Map()
  return new Map([...moment.entries].filter(([index]) => index > base))
}

function render(entries: ReadonlyMap<Index, Entry>): string {
  return [...entries].map(([index, { term, text }]) => `${index}:${term}:${text}`).join(' ')
}

function same(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.votedFor === b.votedFor
}

it('gives back after any crash all that was durable, and nothing that never was', { timeout: 60_000 }, () => {
  const total = {
    torn: 0,
    crashes: 0,
    resets: 0,
    snapshots: 0,
    replaced: 0,
    lost: 0,
    tornWrites: 0,
    reordered: 0,
    resurrected: 0,
  }
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 20, max: 300 }), (seed, steps) => {
      const trial = new Trial(`storage ${seed}`)
      for (let i = 0; i < steps; i++) trial.step()
      for (let i = 0; i < 3; i++) trial.crashAndCheck()
      for (const name of ['torn', 'crashes', 'resets', 'snapshots', 'replaced'] as const)
        total[name] += trial.reached[name]
      total.lost += trial.disk.counts.lost
      total.tornWrites += trial.disk.counts.torn
      total.reordered += trial.disk.counts.reordered
      total.resurrected += trial.disk.counts.resurrected
    }),
    { seed: 1, numRuns: 200, endOnFailure: true },
  )
  for (const [name, count] of Object.entries(total)) expect(count, name).toBeGreaterThan(20)
})

it('notices every bad bit that took something away, once all is sealed', { timeout: 60_000 }, () => {
  let noticed = 0
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 20, max: 150 }), fc.boolean(), (seed, steps, inSnapshot) => {
      const trial = new Trial(`rot ${seed}`)
      for (let i = 0; i < steps; i++) trial.step()
      trial.drain()
      if (trial.rotAndCheck((file) => file.startsWith(inSnapshot ? 'snapshot-' : 'wal-'))) noticed++
    }),
    { seed: 2, numRuns: 150, endOnFailure: true },
  )
  expect(noticed).toBeGreaterThan(20)
})

it('reports a failed sync, and stands by what was durable before', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 20, max: 100 }), (seed, steps) => {
      const trial = new Trial(`sync ${seed}`)
      for (let i = 0; i < steps; i++) trial.step()
      trial.drain()
      trial.failSyncAndCheck()
    }),
    { seed: 3, numRuns: 60, endOnFailure: true },
  )
})

it('gives it back over many short lives too, of which each goes on from what the last one repeated', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 1, max: 20 }), (seed, steps) => {
      const trial = new Trial(`lives ${seed}`)
      for (let life = 0; life < 30; life++) {
        for (let i = 0; i < steps; i++) trial.step()
        trial.crashAndCheck()
      }
    }),
    { seed: 4, numRuns: 100, endOnFailure: true },
  )
})
