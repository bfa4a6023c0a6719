import fc from 'fast-check'
import { encodeMembers, makeMembers } from '../consensus/members.ts'
import type { Prng } from '../lib/prng.ts'
import { type MessageKind, messageKinds } from '../wire/codec.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex, ServerId } from '../wire/ids.ts'
import { messageOfKind } from '../wire/message.contract.ts'
import type { Message, Purpose } from '../wire/message.ts'
import { type Run, runBytes } from '../wire/run.ts'
import type { Seat } from './bench.contract.ts'
import { creating, strangerNamed } from './puppet.contract.ts'

type Append = Extract<Message, { kind: 'append' }>

/** What is listened to on a link of each purpose, and, under `answers`, by the server that dialled. */
const kindsHeard: Readonly<Record<Purpose | 'answers', readonly MessageKind[]>> = {
  peer: ['append', 'append', 'heartbeat', 'vote', 'timeout-now', 'form-ask', 'form', 'join', 'leave', 'diverged'],
  snapshot: ['snapshot-chunk'],
  client: ['register', 'attach', 'requests', 'requests', 'read', 'keepalive', 'goodbye'],
  admin: ['status-query'],
  answers: 'append-ack heartbeat-ack vote-reply form-answer left removed welcome unwelcome snapshot-ack'.split(
    ' ',
  ) as MessageKind[],
}

/** Numbers of which a server knows what they should be. */
const numberFields = new Set(
  'term prevTerm lastTerm indexTerm hintTerm index prevIndex lastIndex commit match hintIndex checkpoint'.split(' '),
)
const countFields = new Set(['round', 'chunk', 'next', 'ask', 'connection'])

/** Who says something to whom. */
export interface Occasion {
  readonly to: Seat
  readonly purpose: Purpose | 'answers'
  readonly server: ServerId
  readonly client: ClientIndex
}

/**
 * Messages that may travel and are not true: of random kinds and numbers, but often close to what their receiver
 * expects.
 */
export class Lies {
  readonly #prng: Prng
  readonly #pool: ReadonlyMap<MessageKind, readonly Message[]>

  constructor(prng: Prng, seed: number) {
    this.#prng = prng
    this.#pool = new Map(messageKinds.map((kind) => [kind, fc.sample(messageOfKind(kind), { numRuns: 20, seed })]))
  }

  next(occasion: Occasion): Message {
    const kind = this.#pick(this.#prng.below(4) === 0 ? messageKinds : kindsHeard[occasion.purpose])
    const message = this.#pick(this.#pool.get(kind) ?? [])
    switch (message.kind) {
      case 'register':
        return { kind: 'register', nonce: this.#bytes(16) }
      case 'attach':
        return { ...message, client: occasion.client }
      case 'requests':
        return { kind: 'requests', commands: this.#commands(occasion.client) }
      case 'join':
        return { kind: 'join', server: this.#pick([occasion.server, message.server]), address: this.#address() }
      case 'append':
        return this.#append(message, occasion.to)
      case 'form':
        return { ...message, ask: this.#prng.below(3), runs: this.#runs(this.#prng.below(2) + 1, 1, 5, message.runs) }
      case 'snapshot-chunk':
        return { ...this.#tuned(message, occasion.to), bytes: this.#pick([message.bytes, this.#members()]) }
      default:
        return this.#tuned(message, occasion.to)
    }
  }

  #commands(client: ClientIndex): readonly Uint8Array[] {
    const first = this.#prng.below(4)
    return [1, 2, 3].map((i) => {
      const dice = this.#prng.below(8)
      if (dice === 0) return this.#bytes(this.#prng.below(20))
      if (dice === 1) return encodeCommand({ kind: 'expire', clients: [{ client, touch: 0 }] })
      return creating(client, first + i, 1, `liar${this.#prng.below(50)}`)
    })
  }

  #address(): string {
    return 'x'.repeat(this.#pick([0, 3, 600]))
  }

  #tuned<M extends Message>(message: M, to: Seat): M {
    const values: Record<string, unknown> = { ...message }
    for (const [name, value] of Object.entries(values))
      if (typeof value === 'number') values[name] = this.#number(name, value, to)
    return values as unknown as M
  }

  #number(name: string, drawn: number, to: Seat): number {
    const { replica } = to.machine.core
    if (countFields.has(name)) return this.#pick([drawn, 0, 1, 2, 3])
    if (replica === undefined || !numberFields.has(name) || this.#prng.below(5) === 0) return drawn
    if (name.endsWith('erm')) return this.#near(replica.term)
    return this.#near(this.#pick([0, replica.commit, replica.log.lastIndex, replica.log.baseIndex]))
  }

  /** An append that often finds its place in the receiver's log. */
  #append(drawn: Append, to: Seat): Append {
    const message = this.#tuned(drawn, to)
    const { replica } = to.machine.core
    const prevIndex = Math.min(message.prevIndex, Number.MAX_SAFE_INTEGER - 100)
    const known = replica?.log.termAt(prevIndex)
    const prevTerm = known === undefined || this.#prng.below(4) === 0 ? message.prevTerm : known
    const stampMs = replica?.log.stampAt(prevIndex) ?? 0
    return { ...message, prevIndex, prevTerm, runs: this.#runs(prevIndex + 1, prevTerm, stampMs, drawn.runs) }
  }

  #runs(firstIndex: number, term: number, stampMs: number, drawn: readonly Run[]): readonly Run[] {
    let next = firstIndex
    return drawn.map((run) => {
      const isMembers = run.kind === 'members' && this.#prng.below(2) === 0
      const bytes = isMembers ? runBytes([this.#members()]) : run.bytes
      const moved = { ...run, firstIndex: next, term: Math.min(term + run.term, 2 ** 53) - 1, bytes }
      next += run.count
      return { ...moved, term: Math.max(1, moved.term), stampMs: this.#pick([run.stampMs, stampMs, stampMs + 1]) }
    })
  }

  #members(): Uint8Array {
    const ids = [strangerNamed('a'), strangerNamed('b', 7)]
    const addresses = ids.map((id) => [id, 'x:1'] as const)
    return encodeMembers(makeMembers(ids, [], [], addresses))
  }

  #near(value: number): number {
    return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, value + this.#prng.below(4) - 1))
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#prng.below(256))
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#prng.below(from.length)] as T
  }
}
