import { assert, must } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Answer, Outcome } from '../wire/command.ts'
import type { Index } from '../wire/ids.ts'
import { Alarm } from './alarm.ts'
import type { ClientEffect } from './io.ts'

interface Call {
  readonly kind: 'submit' | 'query'
  readonly weight: number
  readonly deadline: Millis
}

/**
 * The host's calls that wait for their one answer, and when each has waited long enough.
 * Invariant: a call is answered exactly once, since only a call that is here can be answered and answering removes it.
 * Not here: what a call wants and how far it got (requests and reads know that).
 */
export class Calls {
  readonly #heldBytesMax: number
  readonly #calls = new Map<number, Call>()
  readonly #alarm = new Alarm()
  #heldBytes = 0
  #answered = 0
  #taken = 0

  constructor(heldBytesMax: number) {
    this.#heldBytesMax = heldBytesMax
  }

  get size(): number {
    return this.#calls.size
  }

  get deadline(): Millis | undefined {
    return this.#alarm.at
  }

  hasRoom(weight: number): boolean {
    return this.#heldBytes + weight <= this.#heldBytesMax
  }

  kindOf(call: number): 'submit' | 'query' | undefined {
    return this.#calls.get(call)?.kind
  }

  take(call: number, kind: 'submit' | 'query', weight: number, deadline: Millis): void {
    assert(!this.#calls.has(call), () => `call ${call} is under way already`)
    this.#calls.set(call, { kind, weight, deadline })
    this.#alarm.by(deadline)
    this.#heldBytes += weight
    this.#taken++
  }

  settle(call: number, index: Index, outcome: Outcome, out: ClientEffect[]): void {
    this.#finish(call)
    out.push({ kind: 'settled', call, index, outcome })
  }

  answer(call: number, answer: Answer, out: ClientEffect[]): void {
    this.#finish(call)
    out.push({ kind: 'answered', call, answer })
  }

  fail(call: number, code: RefusalCode, executed: 'no' | 'unknown', out: ClientEffect[]): void {
    this.#finish(call)
    out.push({ kind: 'failed', call, code, executed })
  }

  /** Calls whose time is over, in the order in which they were taken; they stay here until they are failed. */
  overdue(now: Millis): readonly number[] {
    if (!this.#alarm.rings(now)) return []
    const overdue: number[] = []
    for (const [call, { deadline }] of this.#calls) {
      if (deadline <= now) overdue.push(call)
      // Deadlines close together share one look at all calls.
      else this.#alarm.by(Math.max(deadline, now + lookMs))
    }
    return overdue
  }

  checkInvariants(): void {
    let heldBytes = 0
    for (const [call, { weight, deadline }] of this.#calls) {
      heldBytes += weight
      assert(this.#alarm.at !== undefined && this.#alarm.at <= deadline + lookMs, () => `call ${call} never times out`)
    }
    assert(heldBytes === this.#heldBytes, 'held bytes are miscounted')
    assert(heldBytes <= this.#heldBytesMax, 'calls hold too much')
    assert(this.#taken === this.#answered + this.#calls.size, 'a call was lost')
  }

  #finish(call: number): void {
    const { weight } = must(this.#calls.get(call), 'a call is answered twice')
    this.#calls.delete(call)
    this.#heldBytes -= weight
    this.#answered++
  }
}

/** How late a timeout may come when many are close together. */
const lookMs = 5
