import { assert, unreachable } from '../lib/assert.ts'
import type { Answer, Cancel, Command, Outcome, Query, Transaction } from '../wire/command.ts'
import { decodeCommand } from '../wire/command-codec.ts'
import type { ClientIndex, HistoryId, Index } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { answerQuery } from './answer.ts'
import type { Applied } from './applied.ts'
import { type ClientEntry, resultAt, resultsFrom } from './client-table.ts'
import { type StateLimits, withLimits } from './limits.ts'
import { SnapshotView } from './snapshot.ts'
import { StateParts } from './state-parts.ts'
import { StateRestorer } from './state-restorer.ts'
import { executeTransaction, refused } from './transaction.ts'

/** What a server may know of a client. */
export interface ClientStatus {
  /** The number of its last request executed or refused. */
  readonly last: number
  readonly ackedBelow: number
  readonly touch: number
  /** Bytes of the results it has not acknowledged; above `resultBytesMax` a leader takes no more of its requests. */
  readonly resultBytes: number
}

type Request = Extract<Command, { kind: 'request' }>
type Expire = Extract<Command, { kind: 'expire' }>
type Found = Extract<Command, { kind: 'found' }>

const nothing: Applied = { kind: 'none' }
const invalid: Applied = { kind: 'invalid' }
const cancelled: Outcome = { kind: 'cancelled' }

/**
 * From how many documents, and for how many entries at a time, `checkInvariants` leaves out what walks the whole state.
 */
const walkedDocumentsMax = 1000
const walkedEvery = 256

/**
 * The replicated state: documents, the clients whose requests changed them, and cluster time. A function of the entries
 * applied, in order, and of nothing else (R9).
 * Invariant: a request is executed at most once, and its result is kept until its client acknowledges it (R7).
 * Not here: consensus. Nothing in this folder knows that there are other servers.
 */
export class ReplicatedState {
  readonly #parts: StateParts
  #checkedAt = 0

  constructor(limits: Partial<StateLimits> = {}, parts: StateParts = new StateParts(withLimits(limits))) {
    this.#parts = parts
  }

  /** Takes a state from the chunks of a snapshot; its limits must be those of the state that the snapshot is of. */
  static restorer(limits: Partial<StateLimits> = {}): StateRestorer<ReplicatedState> {
    return new StateRestorer(withLimits(limits), (parts) => new ReplicatedState(limits, parts))
  }

  get limits(): StateLimits {
    return this.#parts.limits
  }

  get appliedIndex(): Index {
    return this.#parts.appliedIndex
  }

  /** Cluster time: the stamp of the last entry applied. */
  get clockMs(): number {
    return this.#parts.clockMs
  }

  get history(): HistoryId | undefined {
    return this.#parts.history
  }

  /** The canonical text of the servers at formation; empty before. */
  get servers(): string {
    return this.#parts.servers
  }

  get documentCount(): number {
    return this.#parts.documents.count
  }

  /** Bytes of all documents, without their names. */
  get documentBytes(): number {
    return this.#parts.documents.bytes
  }

  get clientCount(): number {
    return this.#parts.clients.size
  }

  get tombstoneCount(): number {
    return this.#parts.tombstones.size
  }

  /** The cluster time at which the state will change by itself, if it will: an entry stamped then or later does it. */
  get nextDueMs(): number | undefined {
    return this.#parts.tombstones.nextDueMs
  }

  /** Applies the next `data` entry. Whatever the payload's bytes are, it never throws. */
  apply(index: Index, stampMs: number, payload: Uint8Array): Applied {
    this.noteApplied(index, stampMs)
    const command = decodeCommand(payload)
    if (command === undefined) return invalid
    switch (command.kind) {
      case 'request':
        return this.#request(command)
      case 'register':
        return this.#register(command.nonce)
      case 'expire':
        return this.#expire(command)
      case 'found':
        return this.#found(command)
      case 'clock':
        return nothing
      default:
        return unreachable(command)
    }
  }

  /** Takes note of the next entry, one without a command: cluster time moves, and so does what depends on it alone. */
  noteApplied(index: Index, stampMs: number): void {
    const parts = this.#parts
    assert(index === parts.appliedIndex + 1, () => `entry ${index} applied after ${parts.appliedIndex}`)
    assert(stampMs >= parts.clockMs, 'cluster time goes back')
    parts.appliedIndex = index
    parts.clockMs = stampMs
    parts.tombstones.dropOld(stampMs)
  }

  /** The state hash at the applied index: sixteen hex digits. */
  digest(): string {
    return this.#parts.digest()
  }

  /** The same, computed by a walk over the whole state. */
  recomputeDigest(): string {
    return this.#parts.recomputeDigest()
  }

  answer(query: Query): Answer {
    return answerQuery(this.#parts, query)
  }

  client(client: ClientIndex): ClientStatus | undefined {
    return this.#parts.clients.get(client)
  }

  /** The results of a client's requests from number `from` on that it has not acknowledged. */
  results(client: ClientIndex, from: number): Result[] {
    const entry = this.#parts.clients.get(client)
    return entry === undefined ? [] : resultsFrom(entry, from)
  }

  /** All registered clients in ascending order. */
  clients(): Iterable<readonly [ClientIndex, ClientStatus]> {
    return this.#parts.clients.entries()
  }

  /** The state as it is now, whatever is applied later; costs next to nothing. */
  view(): SnapshotView {
    return new SnapshotView(this.#parts)
  }

  /** Cheap enough for every step: the walk over the whole state is made now and then, and not over a large one. */
  checkInvariants(): void {
    const { appliedIndex, clients, limits, documents } = this.#parts
    assert(clients.size <= limits.clientsMax, 'there are too many clients')
    if (documents.count > walkedDocumentsMax || appliedIndex < this.#checkedAt + walkedEvery) return
    this.#checkedAt = appliedIndex
    this.#parts.checkInvariants()
  }

  /** Throws when anything in the state contradicts anything else. Walks all of it. */
  checkEverything(): void {
    this.#parts.checkInvariants()
  }

  #request({ client, number, ackedBelow, body }: Request): Applied {
    const { clients } = this.#parts
    const entry = clients.get(client)
    if (entry === undefined) return nothing
    const expected = entry.last + 1
    if (number > expected) return { kind: 'out-of-order', client, expected }
    if (number < expected) {
      const result = resultAt(entry, number)
      clients.touch(client, entry, ackedBelow)
      return result === undefined ? nothing : { kind: 'result', client, number, result }
    }
    const result: Result = { number, index: this.#parts.appliedIndex, outcome: this.#execute(entry, body) }
    clients.record(client, entry, ackedBelow, result)
    return { kind: 'result', client, number, result }
  }

  #execute(entry: ClientEntry, body: Transaction | Cancel): Outcome {
    if (body.kind === 'cancel') return cancelled
    const { documents, appliedIndex, limits } = this.#parts
    let position = body.writes.length + body.reads.length
    for (const number of body.after) {
      if (resultAt(entry, number)?.outcome.kind !== 'executed') return refused('NOT_AFTER', position)
      position++
    }
    return executeTransaction(documents, body, appliedIndex, limits)
  }

  #register(nonce: Uint8Array): Applied {
    const { clients, limits, appliedIndex } = this.#parts
    const known = clients.withNonce(nonce)
    const entry = known === undefined ? undefined : clients.get(known)
    if (known !== undefined && entry !== undefined) {
      clients.touch(known, entry, entry.ackedBelow)
      return { kind: 'registered', client: known, nonce }
    }
    if (clients.size >= limits.clientsMax) return { kind: 'refused-registration', nonce, code: 'TOO_MANY_CLIENTS' }
    const client = appliedIndex as ClientIndex
    clients.register(client, nonce)
    return { kind: 'registered', client, nonce }
  }

  #expire({ clients: named }: Expire): Applied {
    const { clients, tombstones, appliedIndex, clockMs } = this.#parts
    const expired: ClientIndex[] = []
    // Ascending, so that tombstones are dropped in an order that a snapshot can tell.
    for (const { client, touch } of [...named].sort((a, b) => a.client - b.client)) {
      const entry = clients.get(client)
      if (entry?.touch !== touch) continue
      const { last, ackedBelow, resultBytes } = entry
      const results = resultsFrom(entry, ackedBelow)
      clients.remove(client, entry)
      const ended = { expiredAtMs: clockMs, expiredIndex: appliedIndex }
      tombstones.add(client, { last, ackedBelow, results, resultBytes, ...ended })
      expired.push(client)
    }
    return { kind: 'expired', clients: expired }
  }

  /** A history begins: documents stay what they are, clients belong to the history that ended (R5). */
  #found({ history, servers }: Found): Applied {
    const parts = this.#parts
    if (history === parts.history) return invalid
    parts.forgetClients()
    parts.history = history
    parts.servers = servers
    return { kind: 'found', history }
  }
}
