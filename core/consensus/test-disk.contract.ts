import { assert, must } from '../lib/assert.ts'
import type { Index, ServerId, Term } from '../wire/ids.ts'
import type { Run } from '../wire/run.ts'
import { Log } from './log.ts'
import { type Members, noMembers } from './members.ts'
import type { ReplicaStart, StableLog } from './replica-state.ts'

type DiskRecord =
  | { readonly kind: 'hard-state'; readonly term: Term; readonly votedFor: ServerId | undefined }
  | { readonly kind: 'run'; readonly run: Run }
  | { readonly kind: 'reset'; readonly index: Index; readonly term: Term }
  | { readonly kind: 'repaired' }

interface Found {
  readonly term: Term
  readonly votedFor: ServerId | undefined
  readonly log: Log
  readonly repaired: boolean
}

interface Kept {
  /** A snapshot never counts before the log it rests on. */
  readonly ticket: number
  readonly index: Index
  readonly term: Term
  readonly stampMs: number
  readonly members: Members
}

/**
 * Stable storage in memory, whose records become durable at once or, while `isHeld`, when a test says so. A crash
 * forgets the others.
 */
export class TestDisk implements StableLog {
  isHeld = false
  #records: DiskRecord[] = []
  #durable = 0
  #snapshots: Kept[] = [{ ticket: 0, index: 0, term: 0, stampMs: 0, members: noMembers }]
  #damagedUpTo: Index = 0
  #commits: { readonly ticket: number; readonly index: Index }[] = []

  get written(): number {
    return this.#records.length
  }

  get durable(): number {
    return this.isHeld ? this.#durable : this.#records.length
  }

  hold(): void {
    this.#durable = this.#records.length
    this.isHeld = true
  }

  release(): void {
    this.isHeld = false
  }

  /** Makes so many more records durable. */
  persist(count = Number.POSITIVE_INFINITY): void {
    this.#durable = Math.min(this.#durable + count, this.#records.length)
  }

  saveHardState(term: Term, votedFor: ServerId | undefined): void {
    this.#records.push({ kind: 'hard-state', term, votedFor })
  }

  append(run: Run): void {
    this.#records.push({ kind: 'run', run })
  }

  reset(index: Index, term: Term): void {
    assert(index === this.#newest.index, 'a log is reset to another snapshot than the last one')
    this.#records.push({ kind: 'reset', index, term })
  }

  repaired(): void {
    this.#records.push({ kind: 'repaired' })
  }

  noteCommit(index: Index): void {
    this.#commits.push({ ticket: this.#records.length, index })
  }

  keepSnapshot(index: Index, term: Term, stampMs: number, members: Members): void {
    if (index > this.#newest.index) this.#snapshots.push({ ticket: this.written, index, term, stampMs, members })
  }

  crash(): void {
    const { durable } = this
    this.#records = this.#records.slice(0, durable)
    this.#commits = this.#commits.filter(({ ticket }) => ticket <= durable)
    this.#snapshots = this.#snapshots.filter(({ ticket }) => ticket <= durable)
    this.isHeld = false
  }

  /**
   * What a server starts with: all that is durable, or only the entries before `damagedFrom`. Every later start reports
   * the damage anew, until it is repaired.
   */
  recover(damagedFrom = Number.POSITIVE_INFINITY): ReplicaStart {
    const found = this.#replay()
    const { term, votedFor } = found
    const base = this.#newest
    const agrees = found.log.termAt(base.index) === base.term && found.log.baseIndex <= base.index
    const kept = agrees ? found.log.slice(base.index + 1, damagedFrom - 1, Number.POSITIVE_INFINITY) : []
    const log = new Log(base.index, base.term, base.stampMs, kept)
    if (found.repaired) this.#damagedUpTo = 0
    if (damagedFrom <= found.log.lastIndex) this.#damagedUpTo = Math.max(this.#damagedUpTo, found.log.lastIndex)
    const noted = this.#commits.reduce((most, commit) => Math.max(most, commit.index), base.index)
    const commit = Math.min(noted, log.lastIndex)
    const damage = this.#damagedUpTo > 0 ? { upTo: this.#damagedUpTo, term } : undefined
    this.#open(term, votedFor, log, commit)
    return { term, votedFor, log, commit, members: base.members, damage }
  }

  /** The next life begins with what the last one left, so that it rests on nothing that was lost. */
  #open(term: Term, votedFor: ServerId | undefined, log: Log, commit: Index): void {
    this.#records = log.runs.map((run) => ({ kind: 'run', run }))
    this.#records.unshift({ kind: 'reset', index: log.baseIndex, term: log.baseTerm })
    this.#records.unshift({ kind: 'hard-state', term, votedFor })
    this.#snapshots = [{ ...this.#newest, ticket: 0 }]
    this.#commits = [{ ticket: 0, index: commit }]
  }

  get #newest(): Kept {
    return must(this.#snapshots.at(-1), 'the empty snapshot is never dropped')
  }

  #replay(): Found {
    const log = new Log(0, 0, 0, [])
    let [term, votedFor, repaired]: [Term, ServerId | undefined, boolean] = [0, undefined, false]
    for (const record of this.#records) {
      if (record.kind === 'hard-state') [term, votedFor] = [record.term, record.votedFor]
      else if (record.kind === 'reset') log.reset(record.index, record.term, 0)
      else if (record.kind === 'repaired') repaired = true
      else log.append(record.run)
    }
    return { term, votedFor, repaired, log }
  }
}
