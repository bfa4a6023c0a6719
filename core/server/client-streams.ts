import { hex } from '../lib/bytes.ts'
import type { Millis } from '../machine.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Answer, Query } from '../wire/command.ts'
import { encodeCommand, peekRequest } from '../wire/command-codec.ts'
import type { ClientIndex, HistoryId, Link } from '../wire/ids.ts'
import type { ClientMessage, Result } from '../wire/message.ts'
import { bytesOfAnswer, bytesOfResult, inBatches } from './batches.ts'
import type { ServerCore } from './core.ts'
import type { Proposals } from './proposals.ts'
import { Rounds } from './rounds.ts'

/** One connected client: what it is sent at the end of the turn, in order. */
interface Stream {
  readonly link: Link
  readonly connection: number
  /** The history of the registration that the client comes with, if it has one. */
  readonly history: HistoryId | undefined
  client: ClientIndex | undefined
  /** A younger connection took the client over: what still arrives here is dropped (S6). */
  isSuperseded: boolean
  /** The registration that this connection waits for. */
  nonce: string | undefined
  /** Questions without an answer. */
  questions: number
  /** By number: a retry asks for a result that may be on its way. */
  results: Map<number, Result>
  answers: { readonly read: number; readonly answer: Answer }[]
  resend: boolean
}

type Question =
  | { readonly kind: 'read'; readonly stream: Stream; readonly read: number; readonly query: Query }
  | { readonly kind: 'attach'; readonly stream: Stream; readonly client: ClientIndex; readonly from: number }
  | { readonly kind: 'keepalive'; readonly stream: Stream; readonly sentAt: number }

/**
 * The leader's side of its clients: takes requests in their order, forwards their bytes to the log, and streams results
 * and answers back (R6, R7, S5).
 * Invariant: requests of one client enter the log of one term in the order of their numbers, each once.
 * Not here: executing a request at most once (the state does that, whatever enters the log), and who is expired.
 */
export class ClientStreams {
  readonly #core: ServerCore
  readonly #proposals: Proposals
  readonly #rounds: Rounds<Question>
  readonly #streams = new Map<Link, Stream>()
  readonly #attached = new Map<ClientIndex, Stream>()
  /** The next number to take from each client, in this term. */
  readonly #expected = new Map<ClientIndex, number>()
  /** Registrations in the log of this term, and who waits for them. */
  readonly #registering = new Map<string, Link | undefined>()
  readonly #heardAt = new Map<ClientIndex, Millis>()
  readonly #goodbyes = new Set<ClientIndex>()
  readonly #touched = new Set<Stream>()

  constructor(core: ServerCore, proposals: Proposals) {
    this.#core = core
    this.#proposals = proposals
    this.#rounds = new Rounds(core)
  }

  get linksOpen(): number {
    return this.#streams.size
  }

  lastHeardAt(client: ClientIndex): Millis | undefined {
    return this.#heardAt.get(client)
  }

  /** Clients that said goodbye and may be ended at once. */
  get goodbyes(): ReadonlySet<ClientIndex> {
    return this.#goodbyes
  }

  open(link: Link, connection: number, history: HistoryId | undefined): void {
    this.#streams.set(link, {
      link,
      connection,
      history,
      client: undefined,
      isSuperseded: false,
      nonce: undefined,
      questions: 0,
      results: new Map(),
      answers: [],
      resend: false,
    })
  }

  close(link: Link): void {
    const stream = this.#streams.get(link)
    this.#streams.delete(link)
    if (stream === undefined) return
    this.#touched.delete(stream)
    this.#detach(stream)
    if (stream.nonce !== undefined && this.#registering.get(stream.nonce) === link)
      this.#registering.set(stream.nonce, undefined)
  }

  receive(link: Link, message: ClientMessage): void {
    const stream = this.#streams.get(link)
    if (stream === undefined) return
    if (!this.#core.serves) this.#redirect(stream, message)
    else if (stream.history !== undefined && stream.history !== this.#core.history) this.#refuseHistory(stream, message)
    else this.#take(stream, message)
  }

  /** A request was applied; whoever is attached hears of it. */
  onResult(client: ClientIndex, result: Result): void {
    const stream = this.#attached.get(client)
    if (stream === undefined) return
    stream.results.set(result.number, result)
    this.#touched.add(stream)
  }

  onRegistered(nonce: Uint8Array, client: ClientIndex): void {
    if (this.#core.serves) this.#heardAt.set(client, this.#core.now)
    this.#answerRegistration(nonce, (link) => this.#core.send(link, { kind: 'registered', client }))
  }

  onRegistrationRefused(nonce: Uint8Array, code: RefusalCode): void {
    this.#answerRegistration(nonce, (link) => this.#refuse(link, code, 'register'))
  }

  onExpired(client: ClientIndex): void {
    const stream = this.#attached.get(client)
    this.#attached.delete(client)
    this.#expected.delete(client)
    this.#heardAt.delete(client)
    this.#goodbyes.delete(client)
    if (stream === undefined) return
    stream.client = undefined
    this.#refuse(stream.link, 'EXPIRED', 'attach')
  }

  /** Before replication: begins a round for the questions that wait. */
  beginRound(): void {
    this.#rounds.turn()
  }

  /** After applying: answers what is confirmed and sends each stream one frame of results. */
  flush(): void {
    for (const question of this.#rounds.take(this.#core.state.appliedIndex)) this.#answer(question)
    for (const stream of this.#touched) this.#send(stream)
    this.#touched.clear()
  }

  /** Another history began: what clients know of the one before is worth nothing now. */
  endHistory(): void {
    for (const link of this.#streams.keys()) this.#refuse(link, 'OTHER_HISTORY', 'attach')
  }

  /** A connection belongs to one term (S6): returns the links to close. */
  stopServing(): readonly Link[] {
    const links = [...this.#streams.keys()]
    this.#streams.clear()
    this.#attached.clear()
    this.#expected.clear()
    this.#registering.clear()
    this.#heardAt.clear()
    this.#goodbyes.clear()
    this.#touched.clear()
    this.#rounds.clear()
    return links
  }

  #redirect(stream: Stream, message: ClientMessage): void {
    const leader = this.#core.replica?.role === 'leader' ? '' : this.#core.leaderAddress
    this.#refuseMessage(stream, message, 'NOT_LEADER', leader)
  }

  /**
   * Numbers of another history may be given to others in this one: nothing that came with them is looked at. Only who
   * serves says so, for a server that was left behind does not know which history is over.
   */
  #refuseHistory(stream: Stream, message: ClientMessage): void {
    this.#refuseMessage(stream, message, 'OTHER_HISTORY', '')
  }

  #refuseMessage(stream: Stream, message: ClientMessage, code: RefusalCode, leader: string): void {
    if (message.kind === 'goodbye') return
    const read = message.kind === 'read' ? message.read : 0
    const what = message.kind === 'requests' ? 'request' : message.kind
    this.#core.send(stream.link, { kind: 'refused', code, what, read, leader })
  }

  #take(stream: Stream, message: ClientMessage): void {
    if (stream.client !== undefined) this.#heardAt.set(stream.client, this.#core.now)
    switch (message.kind) {
      case 'register':
        this.#register(stream, message.nonce)
        return
      case 'attach':
        if (stream.client !== message.client)
          this.#ask({ kind: 'attach', stream, client: message.client, from: message.from })
        else this.#confirmAttach(stream, message.client, message.from)
        return
      case 'requests':
        this.#takeRequests(stream, message.commands)
        return
      case 'read':
        this.#ask({ kind: 'read', stream, read: message.read, query: message.query })
        return
      case 'keepalive':
        this.#ask({ kind: 'keepalive', stream, sentAt: message.sentAt })
        return
      case 'goodbye':
        if (stream.client !== undefined) this.#goodbyes.add(stream.client)
    }
  }

  /**
   * Refused when too much waits already, of this connection or of all. A keepalive without an answer is as good as
   * lost.
   */
  #ask(question: Question): void {
    const { kind, stream } = question
    const { readsMax, readsPerClient } = this.#core.options.limits
    if (this.#rounds.size < readsMax && stream.questions < readsPerClient) {
      stream.questions++
      this.#rounds.add(question)
    } else if (kind !== 'keepalive') this.#refuse(stream.link, 'BUSY', kind, kind === 'read' ? question.read : 0)
  }

  /** One registration at a time on each connection: nobody fills the log with them. */
  #register(stream: Stream, nonce: Uint8Array): void {
    const key = hex(nonce)
    const isKnown = this.#registering.has(key)
    const isBusy = stream.nonce !== undefined && stream.nonce !== key
    if (isBusy || (!isKnown && !this.#proposals.add(encodeCommand({ kind: 'register', nonce })))) {
      this.#refuse(stream.link, 'BUSY', 'register')
      return
    }
    stream.nonce = key
    this.#registering.set(key, stream.link)
  }

  #takeRequests(stream: Stream, commands: readonly Uint8Array[]): void {
    if (stream.isSuperseded) return
    if (stream.client === undefined) this.#refuse(stream.link, 'EXPIRED', 'request')
    else
      for (let room = this.#room(stream.client), i = 0; i < commands.length; i++) {
        const taken = this.#takeRequest(stream, commands[i] as Uint8Array, room)
        if (taken === 'stop') return
        if (taken === 'new') room--
      }
  }

  /**
   * How many more requests of a client may be under way (S8). One that leaves more results unacknowledged than the
   * state keeps for it may still have one: acknowledgements ride on requests, so that is what makes room.
   */
  #room(client: ClientIndex): number {
    const { state, options } = this.#core
    const known = state.client(client)
    if (known === undefined) return 0
    const underWay = (this.#expected.get(client) ?? 1) - 1 - known.last
    const owes = known.resultBytes > state.limits.resultBytesMax
    return (owes ? 1 : options.limits.creditsPerClient) - underWay
  }

  /** 'stop': the rest of the frame must not be looked at, for order would be lost. */
  #takeRequest(stream: Stream, command: Uint8Array, room: number): 'new' | 'known' | 'stop' {
    const request = peekRequest(command)
    if (request === undefined || request.client !== stream.client) return 'stop'
    const expected = this.#expected.get(request.client)
    if (expected === undefined) return 'stop'
    if (request.number > expected) {
      stream.resend = true
      this.#touched.add(stream)
      return 'stop'
    }
    if (request.number < expected) {
      this.#repeatResult(stream, request.client, request.number)
      return 'known'
    }
    const isTooLarge = command.length > this.#core.options.limits.requestBytesMax
    if (isTooLarge || room <= 0 || !this.#proposals.add(command)) {
      this.#refuse(stream.link, isTooLarge ? 'TOO_LARGE' : 'BUSY', 'request')
      return 'stop'
    }
    this.#expected.set(request.client, expected + 1)
    return 'new'
  }

  /**
   * A retry: if the request was executed its result is known; else it is in the log already, and the result comes when
   * it is applied.
   */
  #repeatResult(stream: Stream, client: ClientIndex, number: number): void {
    const result = this.#core.state.results(client, number)[0]
    if (result?.number !== number) return
    stream.results.set(number, result)
    this.#touched.add(stream)
  }

  #answer(question: Question): void {
    const { stream } = question
    if (this.#streams.get(stream.link) !== stream) return
    stream.questions--
    switch (question.kind) {
      case 'read':
        stream.answers.push({ read: question.read, answer: this.#core.state.answer(question.query) })
        this.#touched.add(stream)
        return
      case 'attach':
        this.#attach(stream, question.client, question.from)
        return
      case 'keepalive':
        this.#core.send(stream.link, { kind: 'keepalive-answer', sentAt: question.sentAt })
    }
  }

  #attach(stream: Stream, client: ClientIndex, from: number): void {
    const known = this.#core.state.client(client)
    if (known === undefined) {
      this.#refuse(stream.link, 'EXPIRED', 'attach')
      return
    }
    const older = this.#attached.get(client)
    if (older !== undefined && older !== stream) {
      if (older.connection > stream.connection) return
      older.client = undefined
      older.isSuperseded = true
    }
    this.#detach(stream)
    stream.client = client
    this.#attached.set(client, stream)
    this.#heardAt.set(client, this.#core.now)
    if (!this.#expected.has(client)) this.#expected.set(client, known.last + 1)
    this.#confirmAttach(stream, client, from)
  }

  #confirmAttach(stream: Stream, client: ClientIndex, from: number): void {
    const expected = this.#expected.get(client) ?? 1
    const credits = this.#core.options.limits.creditsPerClient
    this.#core.send(stream.link, { kind: 'attached', client, expected, credits })
    // What waits to be sent is among what the state keeps, or not asked for any more.
    stream.results = new Map(this.#core.state.results(client, from).map((result) => [result.number, result]))
    this.#touched.add(stream)
  }

  #send(stream: Stream): void {
    const core = this.#core
    for (const results of inBatches([...stream.results.values()], bytesOfResult))
      core.send(stream.link, { kind: 'results', results })
    for (const answers of inBatches(stream.answers, bytesOfAnswer)) core.send(stream.link, { kind: 'answers', answers })
    if (stream.resend && stream.client !== undefined) {
      core.send(stream.link, { kind: 'resend', expected: this.#expected.get(stream.client) ?? 1 })
    }
    stream.results.clear()
    stream.answers = []
    stream.resend = false
  }

  #answerRegistration(nonce: Uint8Array, answer: (link: Link) => void): void {
    const key = hex(nonce)
    const link = this.#registering.get(key)
    this.#registering.delete(key)
    const stream = link === undefined ? undefined : this.#streams.get(link)
    if (stream === undefined) return
    stream.nonce = undefined
    answer(stream.link)
  }

  #detach(stream: Stream): void {
    if (stream.client !== undefined && this.#attached.get(stream.client) === stream)
      this.#attached.delete(stream.client)
  }

  #refuse(link: Link, code: RefusalCode, what: 'register' | 'attach' | 'request' | 'read', read = 0): void {
    this.#core.send(link, { kind: 'refused', code, what, read, leader: '' })
  }
}
