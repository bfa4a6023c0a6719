import type { Replica } from '../consensus/replica.ts'
import type { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import type { ReplicatedState } from '../state/replicated-state.ts'
import type { StableStorage } from '../storage/stable-storage.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { GroupId, HistoryId, Link, ServerId, ServerName } from '../wire/ids.ts'
import { nameOf } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import type { ClusterClock } from './cluster-clock.ts'
import type { ServerEffect, ServerEvent } from './io.ts'
import type { ServerOptions } from './options.ts'

type Append = Extract<Message, { kind: 'append' }>

/**
 * What the parts of a server share: identity, the replica, the state, the storage, and the way out for effects.
 * Invariant: `replica` exists from the moment this server belongs to a group or asked to join one.
 */
export class ServerCore {
  readonly options: ServerOptions
  readonly id: ServerId
  readonly group: GroupId
  readonly prng: Prng
  readonly storage: StableStorage
  readonly clock: ClusterClock
  readonly startedAt: Millis
  readonly listens: boolean
  replica: Replica | undefined
  state: ReplicatedState
  foundHistory: HistoryId | undefined
  now: Millis
  stopped = false
  #effects: ServerEffect[] = []
  #lastAppend: { readonly message: Append; readonly frame: Uint8Array } | undefined
  #nextLink = 1
  #namedTicket = 0

  constructor(
    parts: Pick<
      ServerCore,
      'options' | 'id' | 'group' | 'prng' | 'storage' | 'clock' | 'startedAt' | 'listens' | 'state'
    >,
  ) {
    this.options = parts.options
    this.id = parts.id
    this.group = parts.group
    this.prng = parts.prng
    this.storage = parts.storage
    this.clock = parts.clock
    this.startedAt = parts.startedAt
    this.listens = parts.listens
    this.state = parts.state
    this.now = parts.startedAt
  }

  /** The identity is durable: before that nobody is told it, for another start might draw another one. */
  get isNamed(): boolean {
    return this.storage.durable >= this.#namedTicket
  }

  /** Stores who this server is, before anybody hears of it. One that is on the disk already need not wait. */
  saveName(): void {
    const { written } = this.storage
    this.storage.saveIdentity(this.id, this.group)
    if (this.storage.written > written) this.#namedTicket = this.storage.written
  }

  get name(): ServerName {
    return this.options.name
  }

  /** The history this server is part of; known from the log before its first entry is applied. */
  get history(): HistoryId | undefined {
    return this.state.history ?? this.foundHistory
  }

  /** The server leads, and its state holds everything committed before its term. */
  get serves(): boolean {
    return this.replica?.isReady === true && !this.replica.isTransferring
  }

  get leaderName(): ServerName | undefined {
    const leader = this.replica?.leader
    return leader === undefined ? undefined : nameOf(leader)
  }

  /** Where the current leader is dialled, or ''. */
  get leaderAddress(): string {
    const leader = this.replica?.leader
    return leader === undefined ? '' : (this.replica?.members.addresses.get(leader) ?? '')
  }

  newLink(): Link {
    return this.#nextLink++ as Link
  }

  push(effect: ServerEffect): void {
    this.#effects.push(effect)
  }

  emit(event: ServerEvent): void {
    this.#effects.push({ kind: 'event', event })
  }

  send(link: Link, message: Message): void {
    const frame = message.kind === 'append' ? this.#frameOf(message) : encodeMessage(message)
    this.#effects.push({ kind: 'send', link, frame })
  }

  takeEffects(): readonly ServerEffect[] {
    const effects = this.#effects
    this.#effects = []
    this.#lastAppend = undefined
    return effects
  }

  /** Members that stand at the same place are sent the same bytes, encoded once. */
  #frameOf(append: Append): Uint8Array {
    if (this.#lastAppend === undefined || !isSame(this.#lastAppend.message, append))
      this.#lastAppend = { message: append, frame: encodeMessage(append) }
    return this.#lastAppend.frame
  }
}

function isSame(a: Append, b: Append): boolean {
  const { runs, ...rest } = a
  const keys = Object.keys(rest) as (keyof typeof rest)[]
  return (
    keys.every((key) => b[key] === a[key]) && runs.length === b.runs.length && runs.every((run, i) => run === b.runs[i])
  )
}
