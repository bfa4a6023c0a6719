import { assert } from '../lib/assert.ts'
import type { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Answer, Query, Transaction } from '../wire/command.ts'
import type { ClientIndex } from '../wire/ids.ts'
import type { ClientMessage, Result } from '../wire/message.ts'
import { earliest } from './alarm.ts'
import { backOffMs } from './back-off.ts'
import { Calls } from './calls.ts'
import type { ClientEffect } from './io.ts'
import type { ClientSettings } from './options.ts'
import { Reads } from './reads.ts'
import { Requests } from './requests.ts'
import { queryWeight, transactionWeight } from './weight.ts'

/**
 * Every call of the host from its submission to its one answer, whichever registration and link carry it on the way.
 * Invariant: a call without an answer is either among the requests or among the reads; what is said *not executed* was
 * never numbered, or a server said so.
 * Not here: links, and who this client is.
 */
export class Work {
  readonly #settings: ClientSettings
  readonly #prng: Prng
  readonly #calls: Calls
  readonly #requests: Requests
  readonly #reads: Reads
  #closed = false
  #attached = false
  /** Deliveries refused for want of room since the last result. */
  #busy = 0

  constructor(settings: ClientSettings, prng: Prng) {
    this.#settings = settings
    this.#prng = prng
    this.#calls = new Calls(settings.limits.heldBytesMax)
    this.#requests = new Requests(settings.timing, settings.limits)
    this.#reads = new Reads(settings.timing, settings.limits)
  }

  /** Calls without an answer. */
  get size(): number {
    return this.#calls.size
  }

  /** Numbered requests without a result, abandoned ones included. */
  get unresolved(): number {
    return this.#requests.unresolved
  }

  /** The lowest unresolved number, or the next one. */
  get base(): number {
    return this.#requests.base
  }

  get resends(): number {
    return this.#requests.resends
  }

  get deadline(): Millis | undefined {
    return earliest(this.#calls.deadline, this.#requests.deadline, this.#attached ? this.#reads.deadline : undefined)
  }

  submit(call: number, transaction: Transaction, deadline: Millis, out: ClientEffect[]): void {
    checkCall(call, deadline)
    const weight = transactionWeight(transaction)
    const code = this.#refusal(weight) ?? this.#requests.submit(call, transaction, weight, this.#reads.orphans)
    if (code === undefined) this.#calls.take(call, 'submit', weight, deadline)
    else refuse(call, code, out)
  }

  query(call: number, query: Query, deadline: Millis, out: ClientEffect[]): void {
    checkCall(call, deadline)
    const weight = queryWeight(query)
    const code =
      this.#refusal(weight) ?? (this.#reads.size < this.#settings.limits.waitingCallsMax ? undefined : 'BUSY')
    if (code === undefined) {
      this.#calls.take(call, 'query', weight, deadline)
      this.#reads.ask(call, query, false)
    } else refuse(call, code, out)
  }

  /** No more calls are taken. */
  close(): void {
    this.#closed = true
  }

  /** Lets time pass. True when the link must be left, since requests get no results there. */
  advance(now: Millis, out: ClientEffect[]): boolean {
    for (const call of this.#calls.overdue(now)) this.#timeOut(call, out)
    if (!this.#attached) return false
    this.#reads.advance(now)
    return this.#requests.advance(now)
  }

  /** What to say at the end of this turn on an attached link. */
  flush(client: ClientIndex, now: Millis, out: ClientEffect[]): readonly ClientMessage[] {
    const messages: ClientMessage[] = []
    const { batches, notAfter } = this.#requests.flush(client, now)
    for (const commands of batches) messages.push({ kind: 'requests', commands })
    for (const call of notAfter) this.#calls.fail(call, 'NOT_AFTER', 'no', out)
    for (const { call, query } of this.#reads.flush(now)) messages.push({ kind: 'read', read: call, query })
    return messages
  }

  /** How many requests are sent again, or undefined when the server contradicts what is known here. */
  attach(client: ClientIndex, expected: number, credits: number, now: Millis): number | undefined {
    const resent = this.#requests.attach(client, expected, credits, now)
    this.#attached = resent !== undefined
    this.#busy = 0
    return resent
  }

  detach(): void {
    this.#attached = false
    this.#requests.detach()
    this.#reads.detach()
  }

  takeResult(result: Result, out: ClientEffect[]): void {
    const call = this.#requests.resolve(result)
    this.#busy = 0
    if (call !== undefined) this.#calls.settle(call, result.index, result.outcome, out)
  }

  takeAnswer(call: number, answer: Answer, out: ClientEffect[]): void {
    const read = this.#reads.take(call, answer)
    if (read === undefined) return
    if (read.orphan) this.#takeOutcome(call, answer, out)
    else this.#calls.answer(call, answer, out)
  }

  /** The server misses a request. */
  resend(expected: number, now: Millis): void {
    this.#requests.resend(expected, now)
  }

  /** The server had no room for requests, or for one read. */
  busy(what: 'request' | 'read', read: number, now: Millis): void {
    const pauseMs = backOffMs(this.#busy, this.#settings.timing, this.#prng)
    this.#busy++
    if (what === 'request') this.#requests.busy(pauseMs, now)
    else this.#reads.busy(read, pauseMs, now)
  }

  /** A server will not answer this query. False when it is none of ours. */
  refuseRead(call: number, code: RefusalCode, out: ClientEffect[]): boolean {
    if (this.#calls.kindOf(call) !== 'query') return false
    this.#reads.drop(call)
    this.#calls.fail(call, code, 'no', out)
    return true
  }

  /**
   * The registration is over: requests that were numbered are asked about under the next one; nothing of them runs
   * again.
   */
  endRegistration(client: ClientIndex): void {
    for (const { call, number } of this.#requests.endRegistration()) {
      this.#reads.ask(call, { kind: 'outcome', client, number }, true)
    }
  }

  /** The history is over: what was numbered in it has no outcome in another, and nobody is left to ask. */
  endHistory(out: ClientEffect[]): void {
    const numbered = this.#requests.endRegistration().map((submission) => submission.call)
    for (const call of [...this.#reads.dropOrphans(), ...numbered]) {
      this.#calls.fail(call, 'OTHER_HISTORY', 'unknown', out)
    }
  }

  checkInvariants(): void {
    this.#calls.checkInvariants()
    this.#requests.checkInvariants()
    this.#reads.checkInvariants()
    assert(this.#requests.calls + this.#reads.size === this.#calls.size, 'a call is nowhere, or twice')
  }

  #refusal(weight: number): RefusalCode | undefined {
    if (this.#closed) return 'CLOSED'
    if (weight > this.#settings.limits.requestBytesMax) return 'TOO_LARGE'
    return this.#calls.hasRoom(weight) ? undefined : 'BUSY'
  }

  /**
   * A query has no effect whoever answers it. A submit that the requests don't have is asked about among the reads: it
   * was numbered.
   */
  #timeOut(call: number, out: ClientEffect[]): void {
    const isQuery = this.#calls.kindOf(call) === 'query'
    const executed = isQuery ? 'no' : (this.#requests.abandon(call) ?? 'unknown')
    this.#reads.drop(call)
    this.#calls.fail(call, 'TIMEOUT', executed, out)
  }

  #takeOutcome(call: number, answer: Answer, out: ClientEffect[]): void {
    assert(answer.kind === 'outcome', 'an answer fits its question')
    const { status, outcome } = answer
    if (status === 'known' && outcome !== undefined) this.#calls.settle(call, answer.at, outcome, out)
    else if (status === 'not-executed') this.#calls.fail(call, 'NOT_EXECUTED', 'no', out)
    else this.#calls.fail(call, 'OUTCOME_UNKNOWN', 'unknown', out)
  }
}

/** A call that was not taken: nothing of it was sent. */
function refuse(call: number, code: RefusalCode, out: ClientEffect[]): void {
  out.push({ kind: 'failed', call, code, executed: 'no' })
}

function checkCall(call: number, deadline: Millis): void {
  assert(Number.isSafeInteger(call) && call >= 0, () => `no such call: ${call}`)
  assert(Number.isFinite(deadline), 'a call ends some time')
}
