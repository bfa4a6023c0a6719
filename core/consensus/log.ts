import { assert, must } from '../lib/assert.ts'
import type { Index, Term } from '../wire/ids.ts'
import { cutRun, lastIndexOf, type Run } from '../wire/run.ts'

/**
 * The part of the log that is held in memory: everything after `baseIndex`, which a snapshot covers.
 * Invariant: runs are contiguous from `baseIndex + 1`; terms and stamps never fall.
 * Not here: what is durable (the storage knows) and what is committed (the replica knows).
 */
export class Log {
  #baseIndex: Index
  #baseTerm: Term
  #baseStampMs: number
  #runs: Run[] = []
  #bytes = 0
  /** Found sound, and not touched since. */
  #isSound = false

  constructor(baseIndex: Index, baseTerm: Term, baseStampMs: number, runs: readonly Run[]) {
    this.#baseIndex = baseIndex
    this.#baseTerm = baseTerm
    this.#baseStampMs = baseStampMs
    for (const run of runs) this.append(run)
  }

  get baseIndex(): Index {
    return this.#baseIndex
  }

  get baseTerm(): Term {
    return this.#baseTerm
  }

  get lastIndex(): Index {
    const last = this.#runs.at(-1)
    return last === undefined ? this.#baseIndex : lastIndexOf(last)
  }

  get lastTerm(): Term {
    return this.#runs.at(-1)?.term ?? this.#baseTerm
  }

  /** The stamp of the last entry, compacted or not: none that follows may be lower. */
  get lastStampMs(): number {
    return this.#runs.at(-1)?.stampMs ?? this.#baseStampMs
  }

  /** Payload bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  get runs(): readonly Run[] {
    return this.#runs
  }

  /** The term of the entry at `index`; undefined when it was compacted away or does not exist. */
  termAt(index: Index): Term | undefined {
    if (index === this.#baseIndex) return this.#baseTerm
    if (index < this.#baseIndex || index > this.lastIndex) return undefined
    return (this.#runs[this.#position(index)] as Run).term
  }

  /** The stamp of the entry at `index`; undefined when it was compacted away or does not exist. */
  stampAt(index: Index): number | undefined {
    if (index === this.#baseIndex) return this.#baseStampMs
    if (index < this.#baseIndex || index > this.lastIndex) return undefined
    return (this.#runs[this.#position(index)] as Run).stampMs
  }

  /** The lowest index behind which the runs held take at most so many bytes. */
  startOfTail(bytesMax: number): Index {
    let start = this.lastIndex
    let bytes = 0
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i] as Run
      bytes += run.bytes.length
      if (bytes > bytesMax) break
      start = run.firstIndex - 1
    }
    return start
  }

  /** Appends a run that begins right behind the end, or replaces everything from its first index on. */
  append(run: Run): void {
    assert(run.firstIndex > this.#baseIndex && run.firstIndex <= this.lastIndex + 1, 'a run leaves a gap in the log')
    if (run.firstIndex <= this.lastIndex) this.#truncate(run.firstIndex)
    assert(run.term >= this.lastTerm, 'terms fall along the log')
    this.#runs.push(run)
    this.#bytes += run.bytes.length
    this.#isSound = false
  }

  /**
   * Runs from `from` on, whole or cut, until `bytesMax` is passed or `upTo` is reached; at least one entry if there is
   * one.
   */
  slice(from: Index, upTo: Index, bytesMax: number): Run[] {
    const slice: Run[] = []
    if (from > Math.min(upTo, this.lastIndex)) return slice
    let bytes = 0
    for (let i = this.#position(from); i < this.#runs.length && bytes < bytesMax; i++) {
      const run = this.#runs[i] as Run
      if (run.firstIndex > upTo) break
      const cut = cutRun(run, from, upTo)
      slice.push(cut)
      bytes += cut.bytes.length
    }
    return slice
  }

  /** Forgets everything up to `index`, which a snapshot covers. */
  compact(index: Index): void {
    if (index <= this.#baseIndex) return
    const term = must(this.termAt(index), 'compaction beyond the end of the log')
    this.#baseStampMs = (this.#runs[this.#position(index)] as Run).stampMs
    this.#dropCovered(index)
    const first = this.#runs[0]
    if (first !== undefined && first.firstIndex <= index) {
      const kept = cutRun(first, index + 1, lastIndexOf(first))
      this.#bytes -= first.bytes.length - kept.bytes.length
      this.#runs[0] = kept
    }
    this.#baseIndex = index
    this.#baseTerm = term
    this.#isSound = false
  }

  /** All at once: taking a long list's items from its front one by one moves the rest each time. */
  #dropCovered(index: Index): void {
    let covered = 0
    for (const run of this.#runs) {
      if (lastIndexOf(run) > index) break
      this.#bytes -= run.bytes.length
      covered++
    }
    this.#runs.splice(0, covered)
  }

  /** Replaces the whole log by what a snapshot covers. */
  reset(index: Index, term: Term, stampMs: number): void {
    this.#runs = []
    this.#baseStampMs = stampMs
    this.#bytes = 0
    this.#baseIndex = index
    this.#baseTerm = term
    this.#isSound = false
  }

  /**
   * The largest index up to `index` whose term is at most `term`: everything behind it can't agree with a log that has
   * `term` at `index` (etcd's findConflictByTerm; Raft paper, end of section 5.3).
   */
  lastAtMost(index: Index, term: Term): Index {
    let at = Math.min(index, this.lastIndex)
    while (at > this.#baseIndex && (this.termAt(at) as Term) > term) {
      at = Math.max((this.#runs[this.#position(at)] as Run).firstIndex - 1, this.#baseIndex)
    }
    return at
  }

  #truncate(from: Index): void {
    while (this.#runs.length > 0 && (this.#runs.at(-1) as Run).firstIndex >= from)
      this.#bytes -= (this.#runs.pop() as Run).bytes.length
    const last = this.#runs.at(-1)
    if (last === undefined || lastIndexOf(last) < from) return
    const kept = cutRun(last, last.firstIndex, from - 1)
    this.#bytes -= last.bytes.length - kept.bytes.length
    this.#runs[this.#runs.length - 1] = kept
  }

  #position(index: Index): number {
    let low = 0
    let high = this.#runs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#runs[middle] as Run).firstIndex <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  checkInvariants(): void {
    if (this.#isSound) return
    let index = this.#baseIndex
    let term = this.#baseTerm
    let stampMs = this.#baseStampMs
    for (const run of this.#runs) {
      assert(run.firstIndex === index + 1, 'the log has a gap')
      assert(run.term >= term, 'terms fall along the log')
      assert(run.stampMs >= stampMs, 'stamps fall along the log')
      index = lastIndexOf(run)
      term = run.term
      stampMs = run.stampMs
    }
    this.#isSound = true
  }
}
