import { assert } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { Transaction } from '../wire/command.ts'

/** A transaction on its way. `fate` is what those that build on it must know. */
export interface Submission {
  readonly call: number
  readonly weight: number
  /** Undefined once it is numbered: from then on its bytes are all that counts. */
  transaction: Transaction | undefined
  after: readonly Submission[]
  /** `lost`: it was not executed, or nobody knows whether it was. */
  fate: 'waiting' | 'numbered' | 'executed' | 'lost'
  number: number
  /** Sent again as they are, whatever happens, so that a retry is one. */
  command: Uint8Array
  /** Numbers that it names. */
  builtOn: readonly number[]
  /** The caller was told that time is up. */
  abandoned: boolean
  /** `command` is the cancel that took its place. */
  cancelled: boolean
  sentAt: Millis
  sends: number
}

/**
 * Numbered requests without a result, by number, and how many of them are in flight on this link.
 * Invariant: numbers have no gaps; `base` is the lowest unresolved number, or `next` when there is none; those from
 * `base` until `cursor` are in flight, those from `cursor` until `next` were sent on an earlier link or are to be sent
 * again.
 */
export class RequestWindow {
  #slots: (Submission | undefined)[] = []
  /** Position of `base` among the slots; those before it are free and cut off in one go. */
  #head = 0
  #base = 1
  #cursor = 1
  #weight = 0
  #unresolved = 0

  get base(): number {
    return this.#base
  }

  get cursor(): number {
    return this.#cursor
  }

  get next(): number {
    return this.#base + this.#slots.length - this.#head
  }

  /** Bytes in flight. */
  get weight(): number {
    return this.#weight
  }

  get unresolved(): number {
    return this.#unresolved
  }

  at(number: number): Submission | undefined {
    return number < this.#base ? undefined : this.#slots[this.#head + number - this.#base]
  }

  /**
   * The next one to be sent again, skipping those that were resolved since they were sent; undefined when only new ones
   * are left.
   */
  again(): Submission | undefined {
    while (this.#cursor < this.next) {
      const submission = this.at(this.#cursor)
      if (submission !== undefined) return submission
      this.#cursor++
    }
    return undefined
  }

  /** The request at the cursor goes out. */
  advance(): void {
    const submission = this.at(this.#cursor)
    assert(submission !== undefined, 'nothing to send at the cursor')
    this.#cursor++
    this.#weight += submission.weight
  }

  /** Gives the next number to a submission that goes out. */
  append(submission: Submission): void {
    assert(submission.number === this.next && this.#cursor === this.next, 'a number is skipped or overtaken')
    this.#slots.push(submission)
    this.#unresolved++
    this.advance()
  }

  /** Takes out the request with this number; undefined when it has its result already or was never given. */
  resolve(number: number): Submission | undefined {
    const submission = this.at(number)
    if (submission === undefined) return undefined
    this.#slots[this.#head + number - this.#base] = undefined
    this.#unresolved--
    if (number < this.#cursor) this.#weight -= submission.weight
    this.#moveBase()
    return submission
  }

  /** What is in flight on this link begins and ends anew: everything below `cursor` is, the rest must be sent. */
  setCursor(cursor: number): void {
    this.#cursor = Math.min(Math.max(cursor, this.#base), this.next)
    this.#weight = 0
    for (let number = this.#base; number < this.#cursor; number++) this.#weight += this.at(number)?.weight ?? 0
  }

  /** The unresolved ones in order of number. */
  *pending(from = this.#base): Generator<Submission> {
    for (let number = Math.max(from, this.#base); number < this.next; number++) {
      const submission = this.at(number)
      if (submission !== undefined) yield submission
    }
  }

  /** Numbers start anew, under another registration. */
  clear(): void {
    this.#slots = []
    this.#head = 0
    this.#base = 1
    this.#cursor = 1
    this.#weight = 0
    this.#unresolved = 0
  }

  checkInvariants(): void {
    const lowest = this.at(this.#base)
    assert(lowest !== undefined || this.#base === this.next, 'the lowest number is resolved')
    assert(this.#base <= this.#cursor && this.#cursor <= this.next, 'the cursor is out of range')
    let weight = 0
    let unresolved = 0
    for (let number = this.#base; number < this.next; number++) {
      const submission = this.at(number)
      if (submission === undefined) continue
      assert(submission.number === number, 'a number is in the wrong place')
      assert(submission.fate === 'numbered' && submission.command.length > 0, 'a numbered request has no bytes')
      unresolved++
      if (number < this.#cursor) weight += submission.weight
    }
    assert(weight === this.#weight && unresolved === this.#unresolved, 'requests in flight are miscounted')
  }

  #moveBase(): void {
    while (this.#head < this.#slots.length && this.#slots[this.#head] === undefined) {
      this.#head++
      this.#base++
    }
    if (this.#cursor < this.#base) this.#cursor = this.#base
    if (this.#head >= 1024 || this.#head === this.#slots.length) {
      this.#slots.splice(0, this.#head)
      this.#head = 0
    }
  }
}
