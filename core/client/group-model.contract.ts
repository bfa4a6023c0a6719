import { assert, must } from '../lib/assert.ts'
import { hex } from '../lib/bytes.ts'
import type { Command, Outcome, Query } from '../wire/command.ts'
import { decodeCommand, encodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex, GroupId, HistoryId, ServerId } from '../wire/ids.ts'
import type { Message, Result, ServerMessage } from '../wire/message.ts'

export const modelGroup = '0123456789abcdef0123456789abcdef' as GroupId
export const modelAddresses = ['a:1', 'b:1', 'c:1']

type Request = Extract<Command, { kind: 'request' }>

interface Registered {
  readonly nonce: string
  last: number
  readonly results: Map<number, Result>
}

/** How a server sees one link of the client. */
export interface ServerSide {
  readonly server: number
  greeted: boolean
  /** The history that the client said it comes with. */
  history: HistoryId | undefined
  client: ClientIndex | undefined
  say(message: ServerMessage | Extract<Message, { kind: 'welcome' }>): void
}

/**
 * A group as a client may know it: one committed log shared by all servers, of which one leads at a time and forgets
 * what it had not committed when it stops. Documents are only counted: how often each was created, and at which index.
 */
export class GroupModel {
  leader: number | undefined = 0
  /** Whether the leader takes requests; if not it says so. */
  isBusy: () => boolean = () => false
  readonly created = new Map<string, number[]>()
  /** What the client did that it must never do. */
  readonly violations: string[] = []
  readonly #links = new Set<ServerSide>()
  #historyNumber = 1
  #index = 10
  #clients = new Map<ClientIndex, Registered>()
  #tombstones = new Map<ClientIndex, Registered>()
  #uncommitted: Uint8Array[] = []
  #expected = new Map<ClientIndex, number>()
  #bytesSeen = new Map<string, string>()

  get registered(): readonly ClientIndex[] {
    return [...this.#clients.keys()]
  }

  open(link: ServerSide): void {
    this.#links.add(link)
  }

  isOpen(link: ServerSide): boolean {
    return this.#links.has(link)
  }

  close(link: ServerSide): void {
    this.#links.delete(link)
  }

  /** The leader stops after committing the first `kept` of its entries. Returns the links that it closes. */
  depose(kept: number): readonly ServerSide[] {
    const { leader } = this
    this.commit(kept)
    this.leader = undefined
    this.#uncommitted = []
    this.#expected = new Map()
    const closed = [...this.#links].filter((link) => link.server === leader)
    for (const link of closed) this.#links.delete(link)
    return closed
  }

  /** The group is recovered from nothing: another history, while nobody leads, and no link outlives the old one. */
  recover(): readonly ServerSide[] {
    assert(this.leader === undefined, 'the old history is still served')
    const closed = [...this.#links]
    this.#links.clear()
    this.#historyNumber++
    this.#clients = new Map()
    this.#tombstones = new Map()
    this.#bytesSeen = new Map()
    return closed
  }

  commit(count = this.#uncommitted.length): void {
    for (const payload of this.#uncommitted.splice(0, count)) this.#apply(must(decodeCommand(payload), 'malformed'))
  }

  expire(client: ClientIndex): void {
    const registered = must(this.#clients.get(client), 'no such client')
    this.#clients.delete(client)
    this.#expected.delete(client)
    this.#tombstones.set(client, registered)
    for (const link of this.#links) {
      if (link.client !== client) continue
      link.client = undefined
      link.say({ kind: 'refused', code: 'EXPIRED', what: 'attach', read: 0, leader: '' })
    }
  }

  receive(link: ServerSide, message: Message): void {
    if (!this.#links.has(link)) return
    if (message.kind === 'hello') {
      link.greeted = true
      link.history = message.history
      link.say({
        kind: 'welcome',
        protocol: 1,
        group: modelGroup,
        history: this.#history,
        server: `${'abc'[link.server]}#0000000000000001` as ServerId,
        connection: message.connection,
      })
    } else if (!link.greeted) this.violations.push(`${message.kind} before a welcome`)
    else if (link.server !== this.leader) this.#redirect(link, message)
    else if (link.history !== undefined && link.history !== this.#history) this.#refuseHistory(link, message)
    else this.#serve(link, message)
  }

  get #history(): HistoryId {
    return `${this.#historyNumber}`.padStart(16, '0') as HistoryId
  }

  #refuseHistory(link: ServerSide, message: Message): void {
    const read = message.kind === 'read' ? message.read : 0
    link.say({ kind: 'refused', code: 'OTHER_HISTORY', what: read === 0 ? 'attach' : 'read', read, leader: '' })
  }

  #redirect(link: ServerSide, message: Message): void {
    if (message.kind === 'goodbye') return
    const leader = this.leader === undefined ? '' : (modelAddresses[this.leader] ?? '')
    const read = message.kind === 'read' ? message.read : 0
    link.say({ kind: 'refused', code: 'NOT_LEADER', what: 'request', read, leader })
  }

  #serve(link: ServerSide, message: Message): void {
    switch (message.kind) {
      case 'register':
        this.#uncommitted.push(encodeCommand(message))
        break
      case 'attach':
        this.#attach(link, message.client, message.from)
        break
      case 'requests':
        for (const command of message.commands) if (!this.#take(link, command)) break
        break
      case 'read':
        link.say({ kind: 'answers', answers: [{ read: message.read, answer: this.#answer(message.query) }] })
        break
      case 'keepalive':
        link.say({ kind: 'keepalive-answer', sentAt: message.sentAt })
        break
      case 'goodbye':
        break
      default:
        this.violations.push(`a client does not say ${message.kind}`)
    }
  }

  #attach(link: ServerSide, client: ClientIndex, from: number): void {
    const registered = this.#clients.get(client)
    if (registered === undefined) {
      link.say({ kind: 'refused', code: 'EXPIRED', what: 'attach', read: 0, leader: '' })
      return
    }
    for (const other of this.#links) if (other.client === client) other.client = undefined
    link.client = client
    const expected = this.#expected.get(client) ?? registered.last + 1
    this.#expected.set(client, expected)
    link.say({ kind: 'attached', client, expected, credits: 6 })
    const results = [...registered.results.values()].filter((result) => result.number >= from)
    if (results.length > 0) link.say({ kind: 'results', results })
  }

  /** False when the rest of the message can't be taken. */
  #take(link: ServerSide, command: Uint8Array): boolean {
    const request = decodeCommand(command)
    if (request?.kind !== 'request' || request.client !== link.client) return false
    this.#compare(request, command)
    const expected = this.#expected.get(request.client)
    if (expected === undefined) return false
    if (request.number > expected) {
      link.say({ kind: 'resend', expected })
      return false
    }
    if (request.number < expected) {
      const result = this.#clients.get(request.client)?.results.get(request.number)
      if (result !== undefined) link.say({ kind: 'results', results: [result] })
      return true
    }
    if (this.isBusy()) {
      link.say({ kind: 'refused', code: 'BUSY', what: 'request', read: 0, leader: '' })
      return false
    }
    this.#uncommitted.push(command)
    this.#expected.set(request.client, expected + 1)
    return true
  }

  /** A retry is the same bytes, or a cancel. */
  #compare(request: Request, command: Uint8Array): void {
    if (request.ackedBelow > request.number) this.violations.push('a request acknowledges itself')
    if (request.body.kind === 'cancel') return
    const key = `${request.client}/${request.number}`
    const bytes = hex(command)
    if ((this.#bytesSeen.get(key) ?? bytes) !== bytes) this.violations.push(`request ${key} has other bytes now`)
    this.#bytesSeen.set(key, bytes)
  }

  #apply(command: Command): void {
    this.#index++
    if (command.kind === 'register') this.#register(hex(command.nonce))
    else if (command.kind === 'request') this.#execute(command)
  }

  #register(nonce: string): void {
    let client = [...this.#clients].find(([, registered]) => registered.nonce === nonce)?.[0]
    if (client === undefined) {
      client = this.#index as ClientIndex
      this.#clients.set(client, { nonce, last: 0, results: new Map() })
    }
    for (const link of this.#links) {
      if (link.server === this.leader && link.greeted && link.client === undefined)
        link.say({ kind: 'registered', client })
    }
  }

  #execute(request: Request): void {
    const registered = this.#clients.get(request.client)
    if (registered === undefined || request.number !== registered.last + 1) return
    registered.last = request.number
    const result: Result = { number: request.number, index: this.#index, outcome: this.#outcome(registered, request) }
    registered.results.set(request.number, result)
    for (const number of registered.results.keys()) if (number < request.ackedBelow) registered.results.delete(number)
    for (const link of this.#links) if (link.client === request.client) link.say({ kind: 'results', results: [result] })
  }

  #outcome(registered: Registered, { body }: Request): Outcome {
    if (body.kind === 'cancel') return { kind: 'cancelled' }
    for (const number of body.after) {
      const earlier = registered.results.get(number)
      if (earlier === undefined) this.violations.push(`the result of ${number} was acknowledged too early`)
      if (earlier?.outcome.kind !== 'executed') return { kind: 'refused', code: 'NOT_AFTER', write: 0 }
    }
    const key = must(body.writes[0], 'an empty transaction').key
    if (key.endsWith('7')) return { kind: 'refused', code: 'CONFLICT', write: 0 }
    this.created.set(key, [...(this.created.get(key) ?? []), this.#index])
    return { kind: 'executed', results: [] }
  }

  #answer(query: Query): Extract<ServerMessage, { kind: 'answers' }>['answers'][number]['answer'] {
    if (query.kind !== 'outcome') return { kind: 'absent', index: this.#index }
    if (this.#clients.has(query.client)) this.violations.push('asked about a client that is alive')
    const index = this.#index
    const tombstone = this.#tombstones.get(query.client)
    if (tombstone === undefined) return { kind: 'outcome', index, status: 'unknown', at: 0, outcome: undefined }
    const result = tombstone.results.get(query.number)
    if (result !== undefined)
      return { kind: 'outcome', index, status: 'known', at: result.index, outcome: result.outcome }
    const status = query.number > tombstone.last ? 'not-executed' : 'acknowledged'
    if (status === 'acknowledged') this.violations.push(`asked about ${query.number}, which was acknowledged`)
    return { kind: 'outcome', index, status, at: 0, outcome: undefined }
  }
}
