import { assert } from '../lib/assert.ts'
import { Hash64, HashSum, hashText } from '../lib/hash64.ts'
import type { HistoryId, Index } from '../wire/ids.ts'
import { ClientTable } from './client-table.ts'
import { DocumentStore } from './document-store.ts'
import type { StateLimits } from './limits.ts'
import { Tombstones } from './tombstones.ts'

/**
 * Everything that servers which applied the same index have in common: what a snapshot holds and the state hash covers.
 */
export class StateParts {
  readonly limits: StateLimits
  readonly documents: DocumentStore
  clients: ClientTable
  tombstones: Tombstones
  appliedIndex: Index = 0
  /** Cluster time: the stamp of the last entry applied (R8). */
  clockMs = 0
  history: HistoryId | undefined
  servers = ''
  readonly #documentsSum = new HashSum()
  #clientsSum = new HashSum()

  constructor(limits: StateLimits) {
    this.limits = limits
    this.documents = new DocumentStore(this.#documentsSum)
    this.clients = new ClientTable(this.#clientsSum)
    this.tombstones = new Tombstones(this.#clientsSum, limits)
  }

  /** Drops all clients and tombstones. */
  forgetClients(): void {
    this.#clientsSum = new HashSum()
    this.clients = new ClientTable(this.#clientsSum)
    this.tombstones = new Tombstones(this.#clientsSum, this.limits)
  }

  /** Sixteen hex digits, kept up to date with each change. */
  digest(): string {
    return this.#digestOf(this.#documentsSum, this.#clientsSum)
  }

  /** The same from scratch: walks everything. */
  recomputeDigest(): string {
    const documents = new HashSum()
    const clients = new HashSum()
    this.documents.addHashes(documents)
    this.clients.addHashes(clients)
    this.tombstones.addHashes(clients)
    return this.#digestOf(documents, clients)
  }

  checkInvariants(): void {
    this.documents.checkInvariants()
    this.clients.checkInvariants()
    this.tombstones.checkInvariants()
    assert(this.recomputeDigest() === this.digest(), 'the state hash does not follow the state')
  }

  #digestOf(documents: HashSum, clients: HashSum): string {
    const hash = new Hash64().reset().u32(documents.low).u32(documents.high).u32(clients.low).u32(clients.high)
    hash
      .uint(this.appliedIndex)
      .uint(this.clockMs)
      .text(this.history ?? '')
      .text(this.servers)
    return hashText(hash.finish())
  }
}
