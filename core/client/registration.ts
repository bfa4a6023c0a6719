import { assert } from '../lib/assert.ts'
import { getU32, putU32 } from '../lib/bytes.ts'
import type { Millis } from '../machine.ts'
import type { ClientIndex, HistoryId } from '../wire/ids.ts'
import type { ClientMessage } from '../wire/message.ts'
import type { ClientTiming } from './options.ts'

/**
 * Who this client is in the group, and how far the current link got in taking that up: register, attach, then
 * keepalives.
 * Invariant: what is said to a server of another history is not taken up there, for only the leader knows which one is
 * over.
 * Invariant: a nonce is used until it is answered and never again once its registration ended; one link sees one
 * registration only, since neither `registered` nor a result says whose it is.
 */
export class Registration {
  readonly #timing: ClientTiming
  readonly #nonceBase: Uint8Array
  #client: ClientIndex | undefined
  /** Outlives the registration: what it left behind is of this history too. */
  #history: HistoryId | undefined
  #linkHistory: HistoryId | undefined
  #phase: 'idle' | 'registering' | 'attaching' | 'attached' = 'idle'
  #saidAt: Millis = 0
  #ended = 0
  #registered = 0

  constructor(timing: ClientTiming, nonce: Uint8Array) {
    this.#timing = timing
    this.#nonceBase = nonce.slice(0, 16)
  }

  get client(): ClientIndex | undefined {
    return this.#client
  }

  get history(): HistoryId | undefined {
    return this.#history
  }

  /** The server of this link is of another history than the registration, or what that left behind. */
  get linkIsElsewhere(): boolean {
    return this.#linkHistory !== undefined && this.#history !== undefined && this.#linkHistory !== this.#history
  }

  get linkHistory(): HistoryId | undefined {
    return this.#linkHistory
  }

  get attached(): boolean {
    return this.#phase === 'attached'
  }

  /** How often this client was registered. */
  get registered(): number {
    return this.#registered
  }

  get deadline(): Millis | undefined {
    if (this.#phase === 'idle') return undefined
    return this.#saidAt + (this.attached ? this.#timing.keepaliveMs : this.#timing.resendMs)
  }

  /** A server of `history` welcomed us on a new link. */
  open(history: HistoryId): void {
    assert(this.#phase === 'idle', 'the link before is still in use')
    this.#linkHistory = history
    this.#phase = this.#client === undefined ? 'registering' : 'attaching'
  }

  /** The link is gone. */
  detach(): void {
    this.#phase = 'idle'
    this.#linkHistory = undefined
  }

  /** What must be said now for the link to get, or stay, where it should be. `from` is the lowest unresolved number. */
  say(from: number, now: Millis): ClientMessage | undefined {
    if (this.#phase === 'idle') return undefined
    this.#saidAt = now
    if (this.#phase === 'attached') return { kind: 'keepalive', sentAt: now }
    if (this.#client === undefined) return { kind: 'register', nonce: this.#nonce() }
    return { kind: 'attach', client: this.#client, from }
  }

  /** False when this link did not ask. */
  takeRegistered(client: ClientIndex): boolean {
    if (this.#phase !== 'registering' || this.linkIsElsewhere) return false
    this.#client = client
    this.#history = this.#linkHistory
    this.#phase = 'attaching'
    this.#registered++
    return true
  }

  /** Whether this link waits for `attached` of this client. */
  awaits(client: ClientIndex): boolean {
    return this.#phase === 'attaching' && this.#client === client && !this.linkIsElsewhere
  }

  takeAttached(now: Millis): void {
    assert(this.#phase === 'attaching', 'attached without having asked')
    this.#phase = 'attached'
    this.#saidAt = now
  }

  /** The registration is over; the next one has a nonce of its own. */
  end(): void {
    assert(this.#client !== undefined, 'no registration to end')
    assert(this.#phase === 'idle', 'the link of the old registration is still in use')
    this.#client = undefined
    this.#ended++
  }

  /** Nothing of the old history is left. */
  forgetHistory(): void {
    this.#history = undefined
  }

  checkInvariants(): void {
    assert((this.#phase === 'idle') === (this.#linkHistory === undefined), 'an idle registration has no link')
    if (this.#phase === 'registering') assert(this.#client === undefined, 'registering twice')
    if (this.#phase === 'attaching' || this.#phase === 'attached') {
      assert(this.#client !== undefined, 'attached as nobody')
      assert(!this.attached || this.#history === this.#linkHistory, 'attached to another history')
    }
    assert(this.#ended <= this.#registered, 'a registration ended that never was')
  }

  #nonce(): Uint8Array {
    const nonce = this.#nonceBase.slice()
    putU32(nonce, 12, getU32(nonce, 12) + this.#ended)
    return nonce
  }
}
