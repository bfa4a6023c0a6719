import { assert } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { Answer, Query } from '../wire/command.ts'
import { Alarm } from './alarm.ts'
import type { ClientLimits, ClientTiming } from './options.ts'

interface Read {
  readonly call: number
  readonly query: Query
  /** The call is a submit whose registration ended: the query asks what became of it. */
  readonly orphan: boolean
  /** When it goes out once more. */
  resendAt: Millis
}

/**
 * Queries until they are answered. They leave nothing in the log, so a second delivery is harmless and the first answer
 * counts.
 * A read goes by the number of its call, which is never reused: an answer that comes twice finds nothing.
 */
export class Reads {
  readonly #timing: ClientTiming
  readonly #limits: ClientLimits
  #waiting = new Map<number, Read>()
  readonly #sent = new Map<number, Read>()
  readonly #alarm = new Alarm()
  #orphans = 0

  constructor(timing: ClientTiming, limits: ClientLimits) {
    this.#timing = timing
    this.#limits = limits
  }

  get size(): number {
    return this.#waiting.size + this.#sent.size
  }

  get orphans(): number {
    return this.#orphans
  }

  get deadline(): Millis | undefined {
    return this.#alarm.at
  }

  ask(call: number, query: Query, orphan: boolean): void {
    assert(!this.#waiting.has(call) && !this.#sent.has(call), () => `call ${call} is read twice`)
    this.#waiting.set(call, { call, query, orphan, resendAt: 0 })
    if (orphan) this.#orphans++
  }

  /** What goes out on an attached link now, oldest first. */
  flush(now: Millis): readonly Read[] {
    const due: Read[] = []
    for (const read of this.#waiting.values()) {
      if (this.#sent.size >= this.#limits.requestsInFlightMax) break
      this.#waiting.delete(read.call)
      this.#sent.set(read.call, read)
      read.resendAt = now + this.#timing.resendMs
      this.#alarm.by(read.resendAt)
      due.push(read)
    }
    return due
  }

  /** Reads without an answer for too long wait to be sent again. */
  advance(now: Millis): void {
    if (!this.#alarm.rings(now)) return
    for (const read of this.#sent.values()) {
      if (read.resendAt > now) this.#alarm.by(read.resendAt)
      else {
        this.#sent.delete(read.call)
        this.#waiting.set(read.call, read)
      }
    }
  }

  /** The server had no room for a read: it goes again after `pauseMs`. */
  busy(call: number, pauseMs: number, now: Millis): void {
    const read = this.#sent.get(call)
    if (read === undefined) return
    read.resendAt = now + pauseMs
    this.#alarm.by(read.resendAt)
  }

  /** The link is gone, and with it whatever was on its way. */
  detach(): void {
    this.#waiting = new Map([...this.#sent, ...this.#waiting])
    this.#sent.clear()
    this.#alarm.unset()
  }

  /** The read that `answer` answers, which is over with that; undefined for one that is not ours or does not fit. */
  take(call: number, answer: Answer): Read | undefined {
    const read = this.#get(call)
    if (read === undefined || !fits(read.query, answer)) return undefined
    this.drop(call)
    return read
  }

  /** Nobody wants the answer any more. False when there is no such read. */
  drop(call: number): boolean {
    const read = this.#get(call)
    if (read === undefined) return false
    if (read.orphan) this.#orphans--
    return this.#waiting.delete(call) || this.#sent.delete(call)
  }

  /** Drops the questions about requests of ended registrations; their calls, in the order in which they were asked. */
  dropOrphans(): readonly number[] {
    const dropped: number[] = []
    for (const reads of [this.#sent, this.#waiting])
      for (const read of reads.values()) if (read.orphan) dropped.push(read.call)
    for (const call of dropped) this.drop(call)
    return dropped
  }

  checkInvariants(): void {
    let orphans = 0
    for (const reads of [this.#sent, this.#waiting]) for (const read of reads.values()) if (read.orphan) orphans++
    assert(orphans === this.#orphans, 'orphans are miscounted')
    assert(this.#sent.size <= this.#limits.requestsInFlightMax, 'too many reads in flight')
    for (const { call, resendAt } of this.#sent.values()) {
      assert(!this.#waiting.has(call), 'a read waits and is in flight')
      assert(this.#alarm.at !== undefined && this.#alarm.at <= resendAt, 'a read is never sent again')
    }
  }

  #get(call: number): Read | undefined {
    return this.#sent.get(call) ?? this.#waiting.get(call)
  }
}

function fits(query: Query, answer: Answer): boolean {
  if (query.kind === 'get') return answer.kind === 'absent' || answer.kind === 'document'
  if (query.kind === 'list') return answer.kind === 'listing'
  return query.kind === answer.kind
}
