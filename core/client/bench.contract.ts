import { assert, must } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import type { Command, Outcome, Query, Transaction } from '../wire/command.ts'
import { decodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex, GroupId, HistoryId, Link, ServerId } from '../wire/ids.ts'
import type { HandshakeMessage, Message, ServerMessage } from '../wire/message.ts'
import { ClientMachine } from './client-machine.ts'
import type { ClientEffect, ClientEvent, ClientInput } from './io.ts'
import type { ClientOptions } from './options.ts'

export const group = '0123456789abcdef0123456789abcdef' as GroupId
export const history = '00000000000000aa' as HistoryId
export const executed: Outcome = { kind: 'executed', results: [] }

export type Request = Extract<Command, { kind: 'request' }>
export type Answered = Extract<ClientEffect, { kind: 'settled' | 'answered' | 'failed' }>
type Hello = Extract<HandshakeMessage, { kind: 'hello' }>

/** A transaction that creates one document, of a name that tells the call. */
export function creating(call: number, valueBytes = 8, after: readonly number[] = []): Transaction {
  const value = new Uint8Array(valueBytes).fill(call & 0xff)
  return { kind: 'transaction', after, reads: [], writes: [{ kind: 'create', space: 's', key: `k${call}`, value }] }
}

export const entropyOf = (first: number) => Uint8Array.from({ length: 32 }, (_, i) => (first * 31 + i * 7) & 0xff)

/**
 * A client machine on a bench: the test plays its host and the server, frame by frame, and sees whatever the machine
 * did.
 */
export class Bench {
  readonly machine: ClientMachine
  now: Millis = 1000
  readonly dials: { readonly link: Link; readonly address: string; readonly at: Millis }[] = []
  readonly closes: { readonly link: Link; readonly reason: string }[] = []
  readonly events: ClientEvent[] = []
  readonly answers: Answered[] = []
  admitted: Link | undefined
  isDone = false
  #frames: { readonly link: Link; readonly frame: Uint8Array }[] = []

  constructor(options: Partial<ClientOptions> = {}) {
    this.machine = new ClientMachine({ addresses: ['a:1', 'b:1', 'c:1'], group, ...options }, entropyOf(1))
  }

  get link(): Link {
    return must(this.dials.at(-1), 'nothing was dialled').link
  }

  get address(): string {
    return must(this.dials.at(-1), 'nothing was dialled').address
  }

  get hello(): Hello {
    const hello = this.sent().find((message) => message.kind === 'hello')
    assert(hello?.kind === 'hello', 'no hello was sent')
    return hello
  }

  /** The history that the hello named which was answered last. */
  helloHistory: HistoryId | undefined

  step(input: ClientInput): void {
    for (const effect of this.machine.step(input, this.now)) this.#note(effect)
    this.machine.checkInvariants()
  }

  turn(): void {
    this.step({ kind: 'turn' })
  }

  /** Lets time pass, waking the machine whenever it asks for it. */
  pass(ms: Millis): void {
    const end = this.now + ms
    let wakesAtOnce = 0
    for (;;) {
      const deadline = this.machine.nextDeadline()
      if (deadline === undefined || deadline > end) break
      wakesAtOnce = deadline > this.now ? 0 : wakesAtOnce + 1
      assert(wakesAtOnce < 10, 'the machine asks for the same tick again and again')
      this.now = Math.max(this.now, deadline)
      this.step({ kind: 'tick' })
      this.turn()
    }
    this.now = end
  }

  /** The server says something on the newest link, or on an older one. */
  hear(message: ServerMessage | HandshakeMessage, link = this.link): void {
    this.step({ kind: 'frame', link, frame: encodeMessage(message) })
  }

  submit(call: number, transaction = creating(call), timeoutMs = 30_000): void {
    this.step({ kind: 'submit', call, transaction, timeoutMs })
  }

  query(call: number, query: Query = { kind: 'get', space: 's', key: 'k' }, timeoutMs = 30_000): void {
    this.step({ kind: 'query', call, query, timeoutMs })
  }

  result(number: number, index = number + 100, outcome = executed): void {
    this.hear({ kind: 'results', results: [{ number, index, outcome }] })
  }

  /** A leader of another history welcomes the client, and wants nothing of what it comes with. */
  refuseHistory(server: string, other: HistoryId): void {
    this.welcome(server, other)
    this.refuse('OTHER_HISTORY')
    this.pass(50)
    this.connect()
    this.welcome(server, other)
  }

  refuse(
    code: 'OTHER_HISTORY' | 'BUSY' | 'NOT_LEADER' | 'EXPIRED' | 'STOPPING' | 'TOO_LARGE',
    leader = '',
    read = 0,
  ): void {
    this.hear({ kind: 'refused', code, what: read === 0 ? 'request' : 'read', read, leader })
  }

  connect(): void {
    if (this.dials.length === 0) this.step({ kind: 'tick' })
    this.step({ kind: 'connected', link: this.link })
  }

  welcome(server = 'a', inHistory: HistoryId | undefined = history): void {
    const { connection, history: said } = this.hello
    this.helloHistory = said
    const id = `${server}#0000000000000001` as ServerId
    this.hear({ kind: 'welcome', protocol: 1, group, history: inHistory, server: id, connection })
  }

  registered(client = 7): void {
    this.hear({ kind: 'registered', client: client as ClientIndex })
  }

  attached(expected = 1, credits = 100, client = 7): void {
    this.hear({ kind: 'attached', client: client as ClientIndex, expected, credits })
  }

  /** From nothing to a registered client on an attached link. */
  begin(credits = 100): void {
    this.connect()
    this.welcome()
    this.registered()
    this.attached(1, credits)
    this.sent()
  }

  /** The link breaks; the machine finds its registration again at the next server. */
  reattach(expected: number, credits = 100): void {
    this.step({ kind: 'closed', link: this.link, refused: false, reason: 'reset' })
    this.connect()
    this.welcome('b')
    this.attached(expected, credits)
  }

  /** What was sent since the last look, on whatever link. */
  sent(): readonly Message[] {
    return this.frames().map((frame) => must(decodeMessage(frame), 'a malformed frame was sent'))
  }

  frames(): readonly Uint8Array[] {
    const frames = this.#frames.map(({ frame }) => frame)
    this.#frames = []
    return frames
  }

  /** The requests sent since the last look, as bytes; looks at everything that was sent. */
  commands(): readonly Uint8Array[] {
    return this.sent().flatMap((message) => (message.kind === 'requests' ? message.commands : []))
  }

  requests(): readonly Request[] {
    return this.commands().map(requestOf)
  }

  numbers(): readonly number[] {
    return this.requests().map((request) => request.number)
  }

  kinds(): readonly string[] {
    return this.sent().map((message) => message.kind)
  }

  #note(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'dial':
        this.dials.push({ link: effect.link, address: effect.address, at: this.now })
        break
      case 'send':
        assert(effect.link === this.link, 'a frame for a link that is not the newest')
        assert(
          this.closes.every((close) => close.link !== effect.link),
          'a frame for a closed link',
        )
        this.#frames.push({ link: effect.link, frame: effect.frame })
        break
      case 'admit':
        this.admitted = effect.link
        break
      case 'close':
        this.closes.push({ link: effect.link, reason: effect.reason })
        break
      case 'event':
        this.events.push(effect.event)
        break
      case 'done':
        this.isDone = true
        break
      default:
        this.answers.push(effect)
    }
  }
}

export function attachedBench(credits = 100, options: Partial<ClientOptions> = {}): Bench {
  const bench = new Bench(options)
  bench.begin(credits)
  return bench
}

export function submitAll(bench: Bench, first: number, last: number, timeoutMs?: number): void {
  for (let call = first; call <= last; call++) bench.submit(call, creating(call), timeoutMs)
  bench.turn()
}

/** Time passes; the server lives but says nothing of use. */
export function passAlive(bench: Bench, ms: Millis): void {
  for (let rest = ms; rest > 0; rest -= 50) {
    bench.pass(Math.min(50, rest))
    bench.hear({ kind: 'keepalive-answer', sentAt: 0 })
  }
}

export function requestOf(command: Uint8Array): Request {
  const request = decodeCommand(command)
  assert(request?.kind === 'request', 'not a request')
  return request
}
