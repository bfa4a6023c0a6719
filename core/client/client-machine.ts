import { assert, must, unreachable } from '../lib/assert.ts'
import { Prng } from '../lib/prng.ts'
import type { Machine, Millis } from '../machine.ts'
import { refusals } from '../refusal.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { type HistoryId, nameOf, type ServerId } from '../wire/ids.ts'
import type { ClientMessage, Message, ServerMessage } from '../wire/message.ts'
import { earliest } from './alarm.ts'
import { Connection, type Course } from './connection.ts'
import type { ClientEffect, ClientEvent, ClientInput } from './io.ts'
import { type ClientOptions, clientSettings } from './options.ts'
import { Registration } from './registration.ts'
import { Work } from './work.ts'

/** Counters that only rise. */
export interface ClientStats {
  /** Requests sent more than once, each time counted. */
  readonly resends: number
  readonly redirects: number
  /** Dials after the first. */
  readonly reconnects: number
  readonly registered: number
}

type Refused = Extract<ServerMessage, { kind: 'refused' }>
type Greeting = Extract<Message, { kind: 'welcome' | 'unwelcome' }>

/** What a leader's address may take: a host name of 253, a colon and a port. */
const addressLengthMax = 260

/**
 * A client of the group: finds the leader, registers there, and carries every call to its one answer, whatever happens
 * to links, servers and registrations in between (R7). Its host gives it a first `tick` to begin, and one `turn` after
 * the inputs of an event-loop turn:
 * only then are requests and reads sent.
 * Invariant: a link carries one registration only, since neither `registered` nor a result says whose it is.
 * Not here: caching, sections and locks.
 */
export class ClientMachine implements Machine<ClientInput, ClientEffect> {
  readonly #connection: Connection
  readonly #registration: Registration
  readonly #work: Work
  /** Who welcomed us on the open link. */
  #server: ServerId | undefined
  #phase: 'running' | 'draining' | 'done' = 'running'
  #out: ClientEffect[] = []

  /** `entropy`: sixteen bytes that nobody else has, then sixteen that decide all chance. */
  constructor(options: ClientOptions, entropy: Uint8Array) {
    assert(entropy.length >= 32, 'a client needs 32 bytes of entropy')
    const settings = clientSettings(options)
    const prng = new Prng(entropy.subarray(16, 32))
    this.#connection = new Connection(settings, prng)
    this.#registration = new Registration(settings.timing, entropy.subarray(0, 16))
    this.#work = new Work(settings, prng)
  }

  step(input: ClientInput, now: Millis): readonly ClientEffect[] {
    if (this.#phase === 'done') return []
    this.#out = []
    this.#take(input, now)
    if (this.#phase === 'draining' && this.#work.size === 0) this.#finish()
    return this.#out
  }

  nextDeadline(): Millis | undefined {
    if (this.#phase === 'done') return undefined
    return earliest(this.#connection.deadline, this.#registration.deadline, this.#work.deadline)
  }

  stats(): ClientStats {
    return {
      resends: this.#work.resends,
      redirects: this.#connection.redirects,
      reconnects: this.#connection.reconnects,
      registered: this.#registration.registered,
    }
  }

  checkInvariants(): void {
    this.#connection.checkInvariants()
    this.#registration.checkInvariants()
    this.#work.checkInvariants()
    assert((this.#server !== undefined) === this.#connection.open, 'a server without an open link')
    assert(this.#registration.client !== undefined || this.#work.unresolved === 0, 'numbered without a registration')
    assert(this.#phase !== 'done' || this.#work.size === 0, 'done with calls under way')
  }

  #take(input: ClientInput, now: Millis): void {
    switch (input.kind) {
      case 'tick':
        this.#advance(now)
        break
      case 'turn':
        this.#advance(now)
        this.#flush(now)
        break
      case 'accepted':
        assert(false, 'a client does not listen')
        break
      case 'connected':
        if (input.link === this.#connection.link) this.#connection.connected(now, this.#out)
        break
      case 'closed':
        if (input.link === this.#connection.link) this.#lost(input.reason, now)
        break
      case 'frame':
        if (input.link === this.#connection.link) this.#takeFrame(input.frame, now)
        break
      case 'submit':
        this.#work.submit(input.call, input.transaction, now + input.timeoutMs, this.#out)
        break
      case 'query':
        this.#work.query(input.call, input.query, now + input.timeoutMs, this.#out)
        break
      case 'close':
        this.#phase = 'draining'
        this.#work.close()
        break
      default:
        unreachable(input)
    }
  }

  #advance(now: Millis): void {
    const isStuck = this.#work.advance(now, this.#out)
    if (isStuck) this.#leave({ address: this.#connection.address, pace: 'first-free' }, 'no results', now)
    if (this.#connection.advance(now, this.#out)) this.#leave({ pace: 'first-free' }, 'silent', now)
    const { deadline } = this.#registration
    if (deadline !== undefined && deadline <= now) this.#say(now)
  }

  #flush(now: Millis): void {
    const { client, attached } = this.#registration
    if (!attached || client === undefined) return
    for (const message of this.#work.flush(client, now, this.#out)) this.#send(message)
  }

  #finish(): void {
    if (this.#registration.attached) this.#send({ kind: 'goodbye' })
    this.#detach('done')
    this.#connection.end('done', this.#out)
    this.#phase = 'done'
    this.#out.push({ kind: 'done' })
  }

  /** Registers, attaches or keeps alive, whichever is next. */
  #say(now: Millis): void {
    const message = this.#registration.say(this.#work.base, now)
    if (message !== undefined) this.#send(message)
  }

  #send(message: ClientMessage): void {
    const link = must(this.#connection.link, 'nobody to send to')
    this.#out.push({ kind: 'send', link, frame: encodeMessage(message) })
  }

  #event(event: ClientEvent): void {
    this.#out.push({ kind: 'event', event })
  }

  #lost(reason: string, now: Millis): void {
    this.#detach(reason)
    this.#connection.lost({ pace: 'first-free' }, now, this.#out)
  }

  #leave(course: Course, reason: string, now: Millis): void {
    this.#detach(reason)
    this.#connection.leave(course, reason, now, this.#out)
  }

  #detach(reason: string): void {
    if (this.#registration.attached) this.#event({ kind: 'detached', reason })
    this.#registration.detach()
    this.#work.detach()
    this.#server = undefined
  }

  #takeFrame(frame: Uint8Array, now: Millis): void {
    const message = decodeMessage(frame)
    if (message === undefined) {
      this.#leave({ pace: 'back-off' }, 'malformed frame', now)
      return
    }
    this.#connection.heard(now)
    if (message.kind === 'welcome' || message.kind === 'unwelcome') this.#takeGreeting(message, now)
    // Frames may overtake the welcome; whatever matters in them is said again.
    else if (this.#connection.open) this.#takeMessage(message, now)
  }

  #takeGreeting(message: Greeting, now: Millis): void {
    const greeting = this.#connection.greet(message, now, this.#out)
    if (greeting === undefined) return
    if (greeting.kind === 'welcome') {
      this.#welcomed(greeting.server, greeting.history, now)
      return
    }
    if (greeting.final) this.#event({ kind: 'refused', code: greeting.code, text: greeting.text })
    // A server that is avoided from now on costs the others no wait.
    this.#leave({ pace: greeting.final ? 'first-free' : 'back-off' }, greeting.text, now)
  }

  #welcomed(server: ServerId, history: HistoryId | undefined, now: Millis): void {
    this.#server = server
    if (history === undefined) {
      this.#leave({ pace: 'back-off' }, 'the server has not formed', now)
      return
    }
    this.#registration.open(history)
    this.#say(now)
  }

  #takeMessage(message: Message, now: Millis): void {
    switch (message.kind) {
      case 'registered':
        if (this.#registration.takeRegistered(message.client)) this.#registered(now)
        break
      case 'attached':
        if (this.#registration.awaits(message.client)) this.#attached(message.expected, message.credits, now)
        break
      case 'results':
        for (const result of message.results) this.#work.takeResult(result, this.#out)
        break
      case 'answers':
        for (const { read, answer } of message.answers) this.#work.takeAnswer(read, answer, this.#out)
        break
      case 'resend':
        this.#work.resend(message.expected, now)
        break
      case 'refused':
        this.#refused(message, now)
        break
      case 'keepalive-answer':
        break
      default:
        this.#leave({ pace: 'back-off' }, `a server does not say ${message.kind}`, now)
    }
  }

  #registered(now: Millis): void {
    this.#connection.history = this.#registration.history
    const client = must(this.#registration.client, 'registered as nobody')
    this.#event({ kind: 'registered', client, history: must(this.#registration.history, 'registered in no history') })
    this.#say(now)
  }

  #attached(expected: number, credits: number, now: Millis): void {
    const client = must(this.#registration.client, 'attached as nobody')
    const resent = this.#work.attach(client, expected, credits, now)
    if (resent === undefined) {
      this.#leave({ pace: 'back-off' }, `the server expects request ${expected}`, now)
      return
    }
    this.#registration.takeAttached(now)
    this.#connection.settled(now)
    this.#event({ kind: 'attached', server: nameOf(must(this.#server, 'attached nowhere')), resent })
  }

  #refused(message: Refused, now: Millis): void {
    switch (message.code) {
      case 'BUSY':
        // Registering and attaching go again by themselves.
        if (message.what === 'request' || message.what === 'read') this.#work.busy(message.what, message.read, now)
        break
      case 'NOT_LEADER':
        this.#notLeader(message.leader, now)
        break
      case 'EXPIRED':
        this.#expired(now)
        break
      case 'OTHER_HISTORY':
        this.#otherHistory(now)
        break
      case 'NOT_FORMED':
      case 'STOPPING':
        this.#leave({ pace: 'back-off' }, message.code, now)
        break
      default:
        this.#refusedOtherwise(message, now)
    }
  }

  #notLeader(leader: string, now: Millis): void {
    if (leader === '' || leader.length > addressLengthMax) {
      this.#leave({ pace: 'back-off' }, 'NOT_LEADER', now)
      return
    }
    this.#detach('NOT_LEADER')
    this.#connection.redirect(leader, now, this.#out)
  }

  #refusedOtherwise(message: Refused, now: Millis): void {
    if (message.what === 'read' && this.#work.refuseRead(message.read, message.code, this.#out)) return
    const text = `${message.what} was refused: ${refusals[message.code].text}`
    this.#event({ kind: 'refused', code: message.code, text })
    this.#leave({ pace: 'back-off' }, message.code, now)
  }

  /** The server that said so is asked first for the next registration, on another link. */
  #expired(now: Millis): void {
    const { client } = this.#registration
    if (client !== undefined) this.#event({ kind: 'expired', client })
    const pace = client === undefined ? 'back-off' : 'first-free'
    this.#leave({ address: this.#connection.address, pace }, 'EXPIRED', now)
    if (client === undefined) return
    this.#work.endRegistration(client)
    this.#registration.end()
  }

  /**
   * A server that serves says that what this client comes with is of another history. The same server takes a new
   * registration, on another link. Where the history changed under an open link, the next welcome names the new one.
   */
  #otherHistory(now: Millis): void {
    const { linkIsElsewhere, linkHistory } = this.#registration
    this.#leave({ address: this.#connection.address, pace: 'first-free' }, 'OTHER_HISTORY', now)
    if (linkIsElsewhere && linkHistory !== undefined) this.#endHistory(linkHistory)
  }

  #endHistory(history: HistoryId): void {
    this.#event({ kind: 'other-history', history })
    this.#work.endHistory(this.#out)
    if (this.#registration.client !== undefined) this.#registration.end()
    this.#registration.forgetHistory()
    this.#connection.history = undefined
  }
}
