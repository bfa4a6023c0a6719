import { assert, must } from '../lib/assert.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import type { Command, Query } from '../wire/command.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import { atomGraph, encodeGraph } from '../wire/graph-codec.ts'
import type { ClientIndex, Incarnation, Link, ServerId, ServerName } from '../wire/ids.ts'
import { serverId } from '../wire/ids.ts'
import type { LinkInput } from '../wire/link.ts'
import type { Message, Purpose, Result } from '../wire/message.ts'
import { addressOf, type Bench, type Party } from './bench.contract.ts'

type Hello = Extract<Message, { kind: 'hello' }>
type MessageOf<Kind extends Message['kind']> = Extract<Message, { readonly kind: Kind }>

/** A server id that no machine of the bench has. */
export function strangerNamed(name: string, number = 1): ServerId {
  return serverId(name as ServerName, number.toString(16).padStart(16, '0') as Incarnation)
}

/** A process that a test plays: it dials servers, or is dialled, and says what it likes. */
export class Puppet implements Party {
  readonly name: string
  readonly links: Link[] = []
  readonly closed: { readonly link: Link; readonly refused: boolean }[] = []
  readonly #bench: Bench
  #heard: { readonly link: Link; readonly message: Message }[] = []
  #dialled = 0

  constructor(bench: Bench, name: string) {
    this.#bench = bench
    this.name = name
  }

  /** Takes the place of whoever is dialled at an address. */
  listen(address = addressOf(this.name)): this {
    this.#bench.listeners.set(address, this)
    return this
  }

  hear(input: LinkInput): void {
    if (input.kind === 'accepted') this.links.push(input.link)
    else if (input.kind === 'closed') this.closed.push({ link: input.link, refused: input.refused })
    else if (input.kind === 'frame') {
      const message = must(decodeMessage(input.frame), 'a server said something malformed')
      this.#heard.push({ link: input.link, message })
    }
  }

  dial(server: string): Link {
    const link = (1000 + ++this.#dialled) as Link
    this.links.push(link)
    this.#bench.dial(this, link, addressOf(server))
    this.#bench.settle()
    return link
  }

  /** Says these things in one event-loop turn of the server. */
  say(link: Link, ...messages: readonly Message[]): void {
    for (const message of messages) this.#bench.send(this, link, encodeMessage(message))
    this.#bench.settle()
  }

  close(link: Link): void {
    this.#bench.close(this, link)
    this.#bench.settle()
  }

  /** Dials and is let in, or not. */
  greet(server: string, purpose: Purpose, given: Partial<Hello> = {}): Link {
    const link = this.dial(server)
    this.say(link, helloFor(purpose, given))
    return link
  }

  /** What was heard of this kind since the last look at it. */
  take<Kind extends Message['kind']>(kind: Kind, link?: Link): readonly MessageOf<Kind>[] {
    const isWanted = (each: { readonly link: Link; readonly message: Message }) =>
      each.message.kind === kind && (link === undefined || each.link === link)
    const taken = this.#heard.filter(isWanted)
    this.#heard = this.#heard.filter((each) => !isWanted(each))
    return taken.map(({ message }) => message as MessageOf<Kind>)
  }

  /** The kinds of everything heard since the last look. */
  kinds(): readonly string[] {
    return this.#heard.splice(0).map(({ message }) => message.kind)
  }

  isClosed(link: Link): boolean {
    return this.closed.some((each) => each.link === link)
  }
}

export function helloFor(purpose: Purpose, given: Partial<Hello> = {}): Hello {
  return {
    kind: 'hello',
    protocolMin: 1,
    protocolMax: 1,
    purpose,
    group: undefined,
    history: undefined,
    server: undefined,
    address: '',
    connection: 1,
    ...given,
  }
}

/** A command that creates one document. */
export function creating(client: ClientIndex, number: number, ackedBelow = 1, key = `k${number}`): Uint8Array {
  const value = encodeGraph(atomGraph(number))
  const body: Extract<Command, { kind: 'request' }>['body'] = {
    kind: 'transaction',
    after: [],
    reads: [],
    writes: [{ kind: 'create', space: 's', key, value }],
  }
  return encodeCommand({ kind: 'request', client, number, ackedBelow, body })
}

/** A client that does what clients do, by hand: one registration, and a link at a time. */
export class TestClient {
  readonly puppet: Puppet
  readonly nonce: Uint8Array
  link: Link
  client: ClientIndex
  connection = 1
  readonly #bench: Bench

  constructor(bench: Bench, number = 1, server = bench.leader().name) {
    this.#bench = bench
    this.puppet = new Puppet(bench, `client${number}`)
    this.nonce = Uint8Array.from({ length: 16 }, (_, i) => (number * 17 + i) & 0xff)
    this.link = this.puppet.greet(server, 'client', { connection: this.connection })
    this.puppet.say(this.link, { kind: 'register', nonce: this.nonce })
    this.client = must(this.puppet.take('registered')[0], 'not registered').client
    this.attach()
  }

  attach(from = 1): number {
    this.puppet.say(this.link, { kind: 'attach', client: this.client, from })
    return must(this.puppet.take('attached').at(-1), 'not attached').expected
  }

  /** Goes to a server on another link, and attaches there. */
  move(server = this.#bench.leader().name, from = 1): number {
    this.link = this.puppet.greet(server, 'client', { connection: ++this.connection })
    return this.attach(from)
  }

  send(...numbers: readonly number[]): void {
    this.sendCommands(numbers.map((number) => creating(this.client, number)))
  }

  sendCommands(commands: readonly Uint8Array[]): void {
    this.puppet.say(this.link, { kind: 'requests', commands })
  }

  read(...queries: readonly Query[]): void {
    const reads = queries.map((query, read): Message => ({ kind: 'read', read, query }))
    this.puppet.say(this.link, ...reads)
  }

  results(): readonly Result[] {
    return this.puppet.take('results').flatMap(({ results }) => results)
  }

  numbers(): readonly number[] {
    return this.results().map(({ number }) => number)
  }

  codes(): readonly string[] {
    return this.puppet.take('refused').map(({ code }) => code)
  }

  /** Says that it lives, often enough, while time passes. */
  liveFor(ms: number): void {
    for (let left = ms; left > 0; left -= 1000) {
      this.#bench.pass(Math.min(1000, left))
      this.puppet.say(this.link, { kind: 'keepalive', sentAt: this.#bench.now })
    }
    assert(this.puppet.take('keepalive-answer').length > 0, 'no keepalive was answered')
  }
}
