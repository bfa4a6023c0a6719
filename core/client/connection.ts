import { assert, unreachable } from '../lib/assert.ts'
import type { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import { type RefusalCode, refusals } from '../refusal.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { HistoryId, Link, ServerId } from '../wire/ids.ts'
import type { HandshakeMessage } from '../wire/message.ts'
import { protocolVersion, protocolVersionMin } from '../wire/version.ts'
import { backOffMs } from './back-off.ts'
import type { ClientEffect } from './io.ts'
import type { ClientSettings } from './options.ts'

/** Where to go from here, and how soon. */
export interface Course {
  /** The next address of the round when undefined. */
  readonly address?: string | undefined
  /** `first-free`: at once unless this happened since a server took us in. `back-off`: never at once. */
  readonly pace: 'first-free' | 'back-off'
}

/** What a handshake message led to. */
export type Greeting =
  | { readonly kind: 'welcome'; readonly server: ServerId; readonly history: HistoryId | undefined }
  /** Nobody here for us. `final`: asking again soon is pointless. */
  | { readonly kind: 'refused'; readonly code: RefusalCode; readonly text: string; readonly final: boolean }

/**
 * The one link to a server: whom to dial and when, the hello until it is answered, and when a silent server is given
 * up.
 * Invariant: at most one link; each has a number never used before, which is also the connection number of its hello.
 * An attempt is made without a wait only once after a loss and once for a redirect before the next wait; so no chain of
 * losses or redirects runs hot.
 * Not here: what is said on an open link.
 */
export class Connection {
  readonly #settings: ClientSettings
  readonly #prng: Prng
  /** Of the registration that this client comes with: whoever serves another one says so (R5). */
  history: HistoryId | undefined
  readonly #avoidUntil = new Map<string, Millis>()
  #phase: 'waiting' | 'dialling' | 'greeting' | 'open' | 'ended' = 'waiting'
  #count = 0
  #address: string
  /** While waiting: the address to dial instead of the next in the round. */
  #target: string | undefined
  /** While waiting: undefined is at once. */
  #dialAt: Millis | undefined
  #position = 0
  #heardAt: Millis = 0
  #helloAt: Millis = 0
  /** Losses since a server took us in for a while. */
  #failures = 0
  #redirectIsFree = true
  #backedOff = false
  #settledAt: Millis | undefined
  #redirects = 0

  constructor(settings: ClientSettings, prng: Prng) {
    this.#settings = settings
    this.#prng = prng
    this.#address = settings.addresses[0] ?? ''
  }

  /** The link that counts; undefined while there is none. */
  get link(): Link | undefined {
    return this.#phase === 'waiting' || this.#phase === 'ended' ? undefined : (this.#count as Link)
  }

  get open(): boolean {
    return this.#phase === 'open'
  }

  get address(): string {
    return this.#address
  }

  get redirects(): number {
    return this.#redirects
  }

  /** Dials after the first. */
  get reconnects(): number {
    return Math.max(0, this.#count - 1)
  }

  get deadline(): Millis | undefined {
    const silentAt = this.#heardAt + this.#settings.timing.silenceMs
    switch (this.#phase) {
      case 'waiting':
        return this.#dialAt ?? 0
      case 'dialling':
      case 'open':
        return silentAt
      case 'greeting':
        return Math.min(silentAt, this.#helloAt + this.#settings.timing.helloMs)
      case 'ended':
        return undefined
      default:
        return unreachable(this.#phase)
    }
  }

  /** Lets time pass. True when the server was silent for too long: the link must be left. */
  advance(now: Millis, out: ClientEffect[]): boolean {
    if (this.#phase === 'ended') return false
    if (this.#phase === 'waiting') {
      if (this.#dialAt === undefined || this.#dialAt <= now) this.#dial(now, out)
      return false
    }
    if (now >= this.#heardAt + this.#settings.timing.silenceMs) return true
    if (this.#phase === 'greeting' && now >= this.#helloAt + this.#settings.timing.helloMs) this.#hello(now, out)
    return false
  }

  connected(now: Millis, out: ClientEffect[]): void {
    if (this.#phase !== 'dialling') return
    this.#phase = 'greeting'
    this.#heardAt = now
    this.#hello(now, out)
  }

  heard(now: Millis): void {
    this.#heardAt = now
  }

  /** Takes an answer to the hello; undefined for one that is none. */
  greet(message: HandshakeMessage, now: Millis, out: ClientEffect[]): Greeting | undefined {
    if (message.kind === 'hello' || message.connection !== this.#count) return undefined
    if (message.kind === 'unwelcome') return this.#refuse(message.code, message.text, now)
    if (this.#phase !== 'greeting') return undefined
    const { group } = this.#settings
    if (group !== undefined && message.group !== group) return this.#refuse('OTHER_GROUP', message.group, now)
    if (message.protocol < protocolVersionMin || message.protocol > protocolVersion) {
      return this.#refuse('OTHER_PROTOCOL', `protocol ${message.protocol}`, now)
    }
    this.#phase = 'open'
    out.push({ kind: 'admit', link: this.#count as Link })
    return { kind: 'welcome', server: message.server, history: message.history }
  }

  /** A server took us in: whatever went wrong before is forgiven, if that lasts. */
  settled(now: Millis): void {
    this.#settledAt = now
  }

  /** Ends the link, which is still there, and goes on elsewhere. */
  leave(course: Course, reason: string, now: Millis, out: ClientEffect[]): void {
    assert(this.link !== undefined, 'no link to leave')
    out.push({ kind: 'close', link: this.#count as Link, reason })
    this.lost(course, now, out)
  }

  /** The link is gone already. */
  lost(course: Course, now: Millis, out: ClientEffect[]): void {
    this.#forgive(now)
    const delayMs = course.pace === 'first-free' && this.#failures === 0 ? 0 : this.#backOff()
    this.#failures++
    this.#wait(course.address, delayMs, now, out)
  }

  /**
   * The server named its leader. Following costs no time unless the hint before was followed without waiting as well.
   */
  redirect(address: string, now: Millis, out: ClientEffect[]): void {
    out.push({ kind: 'close', link: this.#count as Link, reason: 'redirected' })
    this.#redirects++
    this.#forgive(now)
    if (this.#redirectIsFree) {
      this.#redirectIsFree = false
      this.#wait(address, 0, now, out)
      return
    }
    const delayMs = this.#backOff()
    this.#failures++
    this.#wait(address, delayMs, now, out)
  }

  end(reason: string, out: ClientEffect[]): void {
    if (this.link !== undefined) out.push({ kind: 'close', link: this.#count as Link, reason })
    this.#phase = 'ended'
  }

  checkInvariants(): void {
    assert((this.link === undefined) === (this.#phase === 'waiting' || this.#phase === 'ended'), 'a link without a use')
    assert(this.#avoidUntil.size <= this.#settings.addresses.length, 'addresses avoided that nobody gave')
    assert(this.#helloAt <= this.#heardAt + this.#settings.timing.silenceMs, 'a silent server is still greeted')
  }

  /** A server that takes us in and drops us at once earns no fresh start: that could go round without a pause. */
  #forgive(now: Millis): void {
    const lasted = this.#settledAt !== undefined && now >= this.#settledAt + this.#settings.timing.keepaliveMs
    this.#settledAt = undefined
    if (!lasted) return
    this.#failures = 0
    this.#redirectIsFree = true
  }

  #refuse(code: RefusalCode, text: string, now: Millis): Greeting {
    const final = code === 'OTHER_GROUP' || code === 'OTHER_PROTOCOL'
    if (final && this.#settings.addresses.includes(this.#address)) {
      this.#avoidUntil.set(this.#address, now + this.#settings.timing.avoidMs)
    }
    return { kind: 'refused', code, text: text === '' ? refusals[code].text : text, final }
  }

  #wait(address: string | undefined, delayMs: number, now: Millis, out: ClientEffect[]): void {
    this.#phase = 'waiting'
    this.#target = address === undefined || this.#isAvoided(address, now) ? undefined : address
    this.#dialAt = now + delayMs
    this.#backedOff = delayMs > 0
    if (delayMs === 0) this.#dial(now, out)
  }

  #dial(now: Millis, out: ClientEffect[]): void {
    const address = this.#target ?? this.#nextAddress(now)
    if (address === undefined) {
      this.#dialAt = Math.min(...this.#avoidUntil.values())
      return
    }
    if (this.#backedOff) this.#redirectIsFree = true
    this.#phase = 'dialling'
    this.#address = address
    this.#target = undefined
    this.#heardAt = now
    this.#helloAt = now
    this.#count++
    out.push({ kind: 'dial', link: this.#count as Link, address })
  }

  /** The next one in the round that is not avoided; undefined when all are. */
  #nextAddress(now: Millis): string | undefined {
    const { addresses } = this.#settings
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[this.#position % addresses.length]
      this.#position++
      if (address !== undefined && !this.#isAvoided(address, now)) return address
    }
    return undefined
  }

  #isAvoided(address: string, now: Millis): boolean {
    return now < (this.#avoidUntil.get(address) ?? now)
  }

  #hello(now: Millis, out: ClientEffect[]): void {
    this.#helloAt = now
    const frame = encodeMessage({
      kind: 'hello',
      protocolMin: protocolVersionMin,
      protocolMax: protocolVersion,
      purpose: 'client',
      group: this.#settings.group,
      history: this.history,
      server: undefined,
      address: '',
      connection: this.#count,
    })
    out.push({ kind: 'send', link: this.#count as Link, frame })
  }

  /** Grows with every round of addresses, so that a failover is met by a quick round. */
  #backOff(): Millis {
    const rounds = Math.floor(this.#failures / this.#settings.addresses.length)
    return backOffMs(rounds, this.#settings.timing, this.#prng)
  }
}
