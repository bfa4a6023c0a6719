import { performance } from 'node:perf_hooks'
import { unreachable } from '../core/lib/assert.ts'
import type { Machine, Millis } from '../core/machine.ts'
import type { DiskOp } from '../core/storage/disk.ts'
import type { LinkEffect } from '../core/wire/link.ts'
import type { Transport } from '../transports/transport.ts'

/** What every machine hears from its host by itself. */
export type Beat = { readonly kind: 'tick' } | { readonly kind: 'turn' }

/** What the host carries out without asking anybody. */
export type HostEffect = LinkEffect | { readonly kind: 'disk'; readonly op: DiskOp }

/** The kinds of effect that are the owner's business. */
export interface OwnEffect {
  readonly kind: 'event' | 'stop' | 'settled' | 'answered' | 'failed' | 'done'
}

/** What the host works with, and whom it tells. */
export interface HostParts<Own, Other extends OwnEffect> {
  readonly machine: Machine<Beat | Own, HostEffect | Other>
  readonly transport: Transport
  /** Begins an operation whose completion is fed as an input, never from inside the call. */
  readonly startDisk: (op: DiskOp) => void
  readonly onEffect: (effect: Other) => void
  /** The machine threw: its state can't be trusted, and nothing is fed to it any more. Called once. */
  readonly onFailure: (error: unknown) => void
}

/** One turn in so many, the machine's invariants are checked. */
const turnsPerCheck = 1000

/** The longest wait that Node's timers can express is about 24 days; nothing here waits that long. */
const timerMsMax = 60_000

/**
 * Runs one machine in real time: feeds it inputs, carries out its effects, and wakes it at its deadline.
 * Invariant: the clock is read after an input was received, never before, so a pause of this process can't antedate
 * what came after it.
 * Invariant: all inputs of one turn of the event loop share one `turn` and one flush; a machine whose deadline has
 * passed already gets its tick in the next turn, so that it never keeps the event loop from reading.
 * Not here: promises. Nothing is made per request: no closure, no timer.
 */
export class MachineHost<Own, Other extends OwnEffect> {
  readonly #parts: HostParts<Own, Other>
  readonly #endTurn = () => this.#turn()
  readonly #ring = () => this.#onTimer()
  /** Inputs that came while effects were carried out. */
  readonly #waiting: (Beat | Own)[] = []
  #isBusy = false
  #isStopped = false
  #turnIsDue = false
  #tickIsDue = false
  #turns = 0
  #timer: NodeJS.Timeout | undefined
  #timerAt: Millis = 0

  constructor(parts: HostParts<Own, Other>) {
    this.#parts = parts
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Gives the machine its first tick. */
  start(): void {
    this.#step({ kind: 'tick' })
  }

  feed(input: Own): void {
    this.#step(input)
  }

  /** Feeds nothing any more, lets what was sent leave, and resolves when every link is gone. */
  stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    return this.#parts.transport.shutdown()
  }

  #step(input: Beat | Own): void {
    if (this.#isBusy) {
      this.#waiting.push(input)
      return
    }
    this.#isBusy = true
    try {
      this.#take(input)
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#take(next)
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isBusy = false
    }
  }

  #take(input: Beat | Own): void {
    if (this.#isStopped) return
    const effects = this.#parts.machine.step(input, performance.now())
    for (const effect of effects) this.#carryOut(effect)
    this.#scheduleTurn()
  }

  #carryOut(effect: HostEffect | Other): void {
    const { transport, startDisk, onEffect } = this.#parts
    switch (effect.kind) {
      case 'send':
        transport.send(effect.link, effect.frame)
        break
      case 'disk':
        startDisk(effect.op)
        break
      case 'dial':
        transport.dial(effect.link, effect.address)
        break
      case 'admit':
        transport.admit(effect.link)
        break
      case 'close':
        transport.close(effect.link, effect.reason)
        break
      case 'event':
      case 'stop':
      case 'settled':
      case 'answered':
      case 'failed':
      case 'done':
        onEffect(effect)
        break
      default:
        unreachable(effect)
    }
  }

  #scheduleTurn(): void {
    if (this.#turnIsDue || this.#isStopped) return
    this.#turnIsDue = true
    setImmediate(this.#endTurn)
  }

  #turn(): void {
    if (this.#isStopped) return
    if (this.#tickIsDue) this.#step({ kind: 'tick' })
    this.#tickIsDue = false
    this.#step({ kind: 'turn' })
    // Only now: what a step made due is part of this turn.
    this.#turnIsDue = false
    if (this.#isStopped) return
    try {
      this.#parts.transport.flush()
      if (++this.#turns % turnsPerCheck === 0) this.#parts.machine.checkInvariants()
      this.#arm()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** A timer that is early enough is kept: moving it with every turn would cost more than one wake-up in vain. */
  #arm(): void {
    const deadline = this.#parts.machine.nextDeadline()
    if (deadline === undefined || this.#isStopped) return
    const waitMs = deadline - performance.now()
    if (waitMs <= 0) {
      this.#tickIsDue = true
      this.#scheduleTurn()
    } else if (this.#timer === undefined || deadline < this.#timerAt) this.#setTimer(deadline, waitMs)
  }

  #setTimer(deadline: Millis, waitMs: Millis): void {
    clearTimeout(this.#timer)
    this.#timerAt = deadline
    this.#timer = setTimeout(this.#ring, Math.min(Math.ceil(waitMs), timerMsMax))
  }

  #onTimer(): void {
    this.#timer = undefined
    const deadline = this.#parts.machine.nextDeadline()
    if (deadline !== undefined && deadline <= performance.now()) this.#step({ kind: 'tick' })
    else this.#arm()
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    void this.stop()
    this.#parts.onFailure(error)
  }
}
