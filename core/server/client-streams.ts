import { hex } from '../lib/bytes.ts'
import type { Millis } from '../machine.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Answer, Query } from '../wire/command.ts'
import { encodeCommand, peekRequest } from '../wire/command-codec.ts'
import type { ClientIndex, Link } from '../wire/ids.ts'
import type { ClientMessage, Result } from '../wire/message.ts'
import type { ServerCore } from './core.ts'
import type { Proposals } from './proposals.ts'
import { Rounds } from './rounds.ts'

/** One connected client: what it is sent at the end of the turn, in order. */
interface Stream {
  readonly link: Link
  readonly connection: number
  client: ClientIndex | undefined
  reads: number
  results: Result[]
  answers: { readonly read: number; readonly answer: Answer }[]
  resend: boolean
}

type Question =
  | { readonly kind: 'read'; readonly stream: Stream; readonly read: number; readonly query: Query }
  | { readonly kind: 'attach'; readonly stream: Stream; readonly client: ClientIndex; readonly from: number }
  | { readonly kind: 'keepalive'; readonly stream: Stream; readonly sentAt: number }

/**
 * The leader's side of its clients: takes requests in their order, forwards their bytes to the log, and streams results and answers back
 * (R6, R7, S5).
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
  readonly #registering = new Map<string, Link>()
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

  open(link: Link, connection: number): void {
    this.#streams.set(link, { link, connection, client: undefined, reads: 0, results: [], answers: [], resend: false })
  }

  close(link: Link): void {
    const stream = this.#streams.get(link)
    this.#streams.delete(link)
    if (stream === undefined) return
    this.#touched.delete(stream)
    if (stream.client !== undefined && this.#attached.get(stream.client) === stream)
      this.#attached.delete(stream.client)
  }

  receive(link: Link, message: ClientMessage): void {
    const stream = this.#streams.get(link)
    if (stream === undefined) return
    if (!this.#core.serves) this.#redirect(stream, message)
    else this.#take(stream, message)
  }

  /** A request was applied; whoever is attached hears of it. */
  onResult(client: ClientIndex, result: Result): void {
    const stream = this.#attached.get(client)
    if (stream === undefined) return
    stream.results.push(result)
    this.#touched.add(stream)
  }

  onRegistered(nonce: Uint8Array, client: ClientIndex): void {
    this.#heardAt.set(client, this.#core.now)
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
    if (message.kind === 'goodbye') return
    const read = message.kind === 'read' ? message.read : 0
    const what = message.kind === 'requests' ? 'request' : message.kind
    const leader = this.#core.replica?.role === 'leader' ? '' : this.#core.leaderAddress
    this.#core.send(stream.link, { kind: 'refused', code: 'NOT_LEADER', what, read, leader })
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
        if (this.#owesAcknowledgement(stream)) this.#refuse(stream.link, 'BUSY', 'request')
        else for (const command of message.commands) if (!this.#takeRequest(stream, command)) return
        return
      case 'read':
        if (stream.reads >= this.#core.options.limits.readsPerClient)
          this.#refuse(stream.link, 'BUSY', 'read', message.read)
        else this.#ask({ kind: 'read', stream, read: message.read, query: message.query })
        return
      case 'keepalive':
        this.#ask({ kind: 'keepalive', stream, sentAt: message.sentAt })
        return
      case 'goodbye':
        if (stream.client !== undefined) this.#goodbyes.add(stream.client)
    }
  }

  /**
   * The client leaves more results unacknowledged than the state keeps for it (S8). One request at a time still enters: acknowledgements
   * ride on requests, so that is what makes room.
   */
  #owesAcknowledgement(stream: Stream): boolean {
    const { state } = this.#core
    const known = stream.client === undefined ? undefined : state.client(stream.client)
    if (stream.client === undefined || known === undefined) return false
    return known.resultBytes > state.limits.resultBytesMax && (this.#expected.get(stream.client) ?? 0) > known.last + 1
  }

  #ask(question: Question): void {
    if (this.#rounds.size >= this.#core.options.limits.readsMax) return
    if (question.kind === 'read') question.stream.reads++
    this.#rounds.add(question)
  }

  #register(stream: Stream, nonce: Uint8Array): void {
    const key = hex(nonce)
    const isKnown = this.#registering.has(key)
    this.#registering.set(key, stream.link)
    if (!isKnown && !this.#proposals.add(encodeCommand({ kind: 'register', nonce }))) {
      this.#registering.delete(key)
      this.#refuse(stream.link, 'BUSY', 'register')
    }
  }

  /** False when the rest of the frame must not be looked at: order would be lost. */
  #takeRequest(stream: Stream, command: Uint8Array): boolean {
    const request = peekRequest(command)
    if (stream.client === undefined) this.#refuse(stream.link, 'EXPIRED', 'request')
    if (request === undefined || request.client !== stream.client) return false
    const expected = this.#expected.get(request.client)
    if (expected === undefined) return false
    if (request.number > expected) {
      stream.resend = true
      this.#touched.add(stream)
      return false
    }
    if (request.number < expected) {
      this.#repeatResult(stream, request.client, request.number)
      return true
    }
    if (!this.#proposals.add(command)) {
      this.#refuse(stream.link, 'BUSY', 'request')
      return false
    }
    this.#expected.set(request.client, expected + 1)
    return true
  }

  /** A retry: if the request was executed its result is known; else it is in the log already, and the result comes when it is applied. */
  #repeatResult(stream: Stream, client: ClientIndex, number: number): void {
    const result = this.#core.state.results(client, number)[0]
    if (result?.number !== number) return
    stream.results.push(result)
    this.#touched.add(stream)
  }

  #answer(question: Question): void {
    const { stream } = question
    if (this.#streams.get(stream.link) !== stream) return
    switch (question.kind) {
      case 'read':
        stream.reads--
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
    }
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
    for (const result of this.#core.state.results(client, from)) stream.results.push(result)
    this.#touched.add(stream)
  }

  #send(stream: Stream): void {
    const core = this.#core
    if (stream.results.length > 0) core.send(stream.link, { kind: 'results', results: stream.results })
    if (stream.answers.length > 0) core.send(stream.link, { kind: 'answers', answers: stream.answers })
    if (stream.resend && stream.client !== undefined) {
      core.send(stream.link, { kind: 'resend', expected: this.#expected.get(stream.client) ?? 1 })
    }
    stream.results = []
    stream.answers = []
    stream.resend = false
  }

  #answerRegistration(nonce: Uint8Array, answer: (link: Link) => void): void {
    const key = hex(nonce)
    const link = this.#registering.get(key)
    this.#registering.delete(key)
    if (link !== undefined && this.#streams.has(link)) answer(link)
  }

  #refuse(link: Link, code: RefusalCode, what: 'register' | 'attach' | 'request' | 'read', read = 0): void {
    this.#core.send(link, { kind: 'refused', code, what, read, leader: '' })
  }
}
