import { assert, must } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Cancel, Transaction } from '../wire/command.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { earliest } from './alarm.ts'
import type { ClientLimits, ClientTiming } from './options.ts'
import { RequestWindow, type Submission } from './request-window.ts'

/** What goes out in one turn: the commands of each `requests` message, and calls that can't be sent any more. */
export interface Flush {
  readonly batches: readonly (readonly Uint8Array[])[]
  /** They build on a request that was not executed, or may not have been. */
  readonly notAfter: readonly number[]
}

/**
 * Transactions until they have their result: they wait for room, get the next number when they are first sent, and keep
 * their bytes.
 * Invariant: every number is sent, as the request or as a cancel in its place, until it has a result; so the sequence
 * goes on.
 * Not here: the link, and what the caller is told.
 */
export class Requests {
  readonly #timing: ClientTiming
  readonly #limits: ClientLimits
  readonly #window = new RequestWindow()
  /** First in, first numbered. */
  readonly #waiting = new Map<number, Submission>()
  /** Waiting or numbered, and not abandoned. */
  readonly #byCall = new Map<number, Submission>()
  /** Unresolved requests that name others: what they name is not acknowledged before they are resolved (R7). */
  readonly #builders = new Map<number, Submission>()
  /** How many requests the server of this link takes at a time; undefined when not attached. */
  #credits: number | undefined
  #pausedUntil: Millis | undefined
  #rewoundAt: Millis = 0
  #rewoundTo = 0
  /** Times in a row that the oldest request was overdue on this link. */
  #overdue = 0
  #resends = 0

  constructor(timing: ClientTiming, limits: ClientLimits) {
    this.#timing = timing
    this.#limits = limits
  }

  /** The lowest unresolved number, or the next one. */
  get base(): number {
    return this.#window.base
  }

  /** How many requests were sent more than once, each time counted. */
  get resends(): number {
    return this.#resends
  }

  /** Calls that wait or are numbered, and not abandoned. */
  get calls(): number {
    return this.#byCall.size
  }

  get unresolved(): number {
    return this.#window.unresolved
  }

  get deadline(): Millis | undefined {
    if (this.#credits === undefined) return undefined
    return earliest(this.#pausedUntil, this.#oldestDueAt())
  }

  /**
   * `transaction.after` names calls; `others` take room too. Returns why the submission is not taken: nothing was sent
   * then.
   */
  submit(call: number, transaction: Transaction, weight: number, others: number): RefusalCode | undefined {
    if (this.#waiting.size + others >= this.#limits.waitingCallsMax) return 'BUSY'
    const after: Submission[] = []
    for (const earlier of transaction.after) {
      const submission = this.#byCall.get(earlier)
      if (submission === undefined) return 'NOT_AFTER'
      after.push(submission)
    }
    const submission = waitingSubmission(call, weight, transaction, after)
    this.#waiting.set(call, submission)
    this.#byCall.set(call, submission)
    return undefined
  }

  /** The caller waits no more. 'no': nothing was sent; undefined when the call is not here. */
  abandon(call: number): 'no' | 'unknown' | undefined {
    const submission = this.#byCall.get(call)
    if (submission === undefined) return undefined
    this.#byCall.delete(call)
    if (this.#waiting.delete(call)) {
      submission.fate = 'lost'
      submission.after = []
      return 'no'
    }
    submission.abandoned = true
    return 'unknown'
  }

  /**
   * The server takes requests on this link, `expected` next; it says the results of earlier ones by itself. Returns how
   * many must be sent again, or undefined when the server contradicts what this client knows: it forgot a result, or
   * took a number that was never given.
   */
  attach(client: ClientIndex, expected: number, credits: number, now: Millis): number | undefined {
    if (expected < this.#window.base || expected > this.#window.next) return undefined
    this.#credits = Math.min(Math.max(1, credits), this.#limits.requestsInFlightMax)
    this.#pausedUntil = undefined
    this.#rewoundTo = 0
    this.#overdue = 0
    this.#window.setCursor(expected)
    for (const submission of this.#window.pending()) {
      if (submission.number < expected) submission.sentAt = now
      else if (submission.abandoned && !submission.cancelled) this.#cancel(client, submission)
    }
    return [...this.#window.pending(expected)].length
  }

  detach(): void {
    this.#credits = undefined
  }

  /** What must be sent at the end of this turn, in order of number. */
  flush(client: ClientIndex, now: Millis): Flush {
    const batches = new Batches(this.#limits.batchBytesMax)
    const notAfter: number[] = []
    if (this.#credits !== undefined && !this.#isPaused(now)) {
      this.#sendAgain(batches, now)
      if (this.#window.cursor === this.#window.next) this.#sendNew(client, batches, notAfter, now)
    }
    return { batches: batches.all, notAfter }
  }

  /** Takes a result. The call that is to hear of it, if it is the first one and somebody still waits. */
  resolve(result: Result): number | undefined {
    const submission = this.#window.resolve(result.number)
    if (submission === undefined) return undefined
    this.#overdue = 0
    submission.fate = result.outcome.kind === 'executed' ? 'executed' : 'lost'
    this.#builders.delete(submission.number)
    if (submission.abandoned) return undefined
    this.#byCall.delete(submission.call)
    return submission.call
  }

  /**
   * The server misses `expected`. Each of several frames behind one lost frame says so: only the first counts for a
   * while.
   */
  resend(expected: number, now: Millis): void {
    if (this.#credits === undefined || expected < this.#window.base || expected >= this.#window.cursor) return
    if (expected <= this.#rewoundTo && now < this.#rewoundAt + this.#timing.resendMs / 8) return
    this.#rewind(expected, now)
  }

  /**
   * The server took no more: everything without a result goes again after `pauseMs`, since nobody knows what it did
   * take.
   */
  busy(pauseMs: number, now: Millis): void {
    if (this.#credits === undefined || this.#window.cursor === this.#window.base) return
    this.#pausedUntil = now + pauseMs
    this.#overdue = 0
    this.#rewind(this.#window.base, now)
  }

  /**
   * Sends from the oldest again when its result is overdue. True when that was in vain too often: a server that answers
   * keepalives but no requests does not know this client as attached, and its word for that was lost.
   */
  advance(now: Millis): boolean {
    const dueAt = this.#credits === undefined ? undefined : this.#oldestDueAt()
    if (dueAt === undefined || dueAt > now) return false
    this.#rewind(this.#window.base, now)
    this.#overdue++
    return this.#overdue > this.#limits.overdueMax
  }

  /**
   * The registration is over. What was numbered leaves, in order, and nothing may build on it; what waits goes on under
   * the next one.
   */
  endRegistration(): readonly Submission[] {
    const left = [...this.#window.pending()]
    for (const submission of left) {
      submission.fate = 'lost'
      this.#byCall.delete(submission.call)
    }
    this.#window.clear()
    this.#builders.clear()
    return left.filter((submission) => !submission.abandoned)
  }

  checkInvariants(): void {
    const window = this.#window
    window.checkInvariants()
    assert(window.next - window.base <= this.#limits.requestsInFlightMax, 'too many numbers are unresolved')
    let weight = 0
    let wanted = 0
    for (const submission of window.pending()) {
      weight += submission.weight
      if (!submission.abandoned) wanted++
    }
    assert(weight <= this.#limits.bytesInFlightMax || window.unresolved === 1, 'too many bytes are unresolved')
    assert(this.#waiting.size <= this.#limits.waitingCallsMax, 'too many calls wait')
    for (const submission of this.#waiting.values()) assert(submission.fate === 'waiting', 'a waiting call has a fate')
    assert(this.#byCall.size === this.#waiting.size + wanted, 'a call is neither waiting nor numbered')
    for (const number of this.#builders.keys())
      assert(window.at(number) !== undefined, 'a resolved request holds others')
  }

  #isPaused(now: Millis): boolean {
    if (this.#pausedUntil !== undefined && now >= this.#pausedUntil) this.#pausedUntil = undefined
    return this.#pausedUntil !== undefined
  }

  #oldestDueAt(): Millis | undefined {
    if (this.#window.base >= this.#window.cursor) return undefined
    return must(this.#window.at(this.#window.base), 'the lowest number is resolved').sentAt + this.#timing.resendMs
  }

  #rewind(to: number, now: Millis): void {
    this.#window.setCursor(to)
    this.#rewoundTo = to
    this.#rewoundAt = now
  }

  #hasRoom(weight: number): boolean {
    const window = this.#window
    if (window.cursor - window.base >= must(this.#credits, 'not attached')) return false
    return window.weight === 0 || window.weight + weight <= this.#limits.bytesInFlightMax
  }

  #sendAgain(batches: Batches, now: Millis): void {
    for (let next = this.#window.again(); next !== undefined; next = this.#window.again()) {
      if (!this.#hasRoom(next.weight)) return
      this.#window.advance()
      this.#send(next, batches, now)
    }
  }

  #sendNew(client: ClientIndex, batches: Batches, notAfter: number[], now: Millis): void {
    const ackedBelow = this.#ackedBelow()
    for (const submission of this.#waiting.values()) {
      if (submission.after.some((earlier) => earlier.fate === 'lost')) {
        this.abandon(submission.call)
        notAfter.push(submission.call)
        continue
      }
      if (!this.#hasRoom(submission.weight)) return
      this.#waiting.delete(submission.call)
      this.#number(client, submission, ackedBelow)
      this.#send(submission, batches, now)
    }
  }

  #send(submission: Submission, batches: Batches, now: Millis): void {
    if (submission.sends > 0) this.#resends++
    submission.sends++
    submission.sentAt = now
    batches.add(submission.command)
  }

  #number(client: ClientIndex, submission: Submission, ackedBelow: number): void {
    const transaction = must(submission.transaction, 'numbered twice')
    submission.number = this.#window.next
    submission.fate = 'numbered'
    submission.builtOn = this.#namedBy(submission)
    submission.command = encode(client, submission.number, ackedBelow, { ...transaction, after: submission.builtOn })
    submission.transaction = undefined
    submission.after = []
    if (submission.builtOn.length > 0) this.#builders.set(submission.number, submission)
    this.#window.append(submission)
  }

  /** Numbers of the requests that it builds on. One that was executed for certain need not be named any more. */
  #namedBy(submission: Submission): readonly number[] {
    const numbers: number[] = []
    for (const earlier of submission.after) {
      assert(earlier.fate === 'numbered' || earlier.fate === 'executed', 'numbered before what it builds on')
      if (earlier.fate === 'numbered') numbers.push(earlier.number)
    }
    return numbers
  }

  #cancel(client: ClientIndex, submission: Submission): void {
    submission.command = encode(client, submission.number, this.#ackedBelow(), { kind: 'cancel' })
    submission.cancelled = true
  }

  /** Every number below is resolved and named by no unresolved request. */
  #ackedBelow(): number {
    let lowest = this.#window.base
    for (const { builtOn } of this.#builders.values()) for (const number of builtOn) lowest = Math.min(lowest, number)
    return lowest
  }
}

/** Commands joined into messages of bounded size. */
class Batches {
  readonly all: Uint8Array[][] = []
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(command: Uint8Array): void {
    const last = this.all.at(-1)
    if (last === undefined || this.#bytes + command.length > this.#bytesMax) {
      this.all.push([command])
      this.#bytes = command.length
    } else {
      last.push(command)
      this.#bytes += command.length
    }
  }
}

function encode(client: ClientIndex, number: number, ackedBelow: number, body: Transaction | Cancel): Uint8Array {
  return encodeCommand({ kind: 'request', client, number, ackedBelow, body })
}

const noBytes = new Uint8Array(0)

function waitingSubmission(
  call: number,
  weight: number,
  transaction: Transaction,
  after: readonly Submission[],
): Submission {
  return {
    call,
    weight,
    transaction,
    after,
    fate: 'waiting',
    number: 0,
    command: noBytes,
    builtOn: [],
    abandoned: false,
    cancelled: false,
    sentAt: 0,
    sends: 0,
  }
}
