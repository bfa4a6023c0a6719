import { assert, must } from '../lib/assert.ts'
import { BTree, type BTreeView } from '../lib/btree.ts'
import type { HashSum } from '../lib/hash64.ts'
import type { ClientIndex, Index } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { tombstoneHash } from './digest.ts'
import type { StateLimits } from './limits.ts'

/** What is left of an ended client: what became of every request whose result it had not acknowledged. */
export interface Tombstone {
  readonly last: number
  readonly ackedBelow: number
  /** Of the numbers from `ackedBelow` to `last`. */
  readonly results: readonly Result[]
  readonly resultBytes: number
  /** Cluster time and index of the entry that ended the client. */
  readonly expiredAtMs: number
  readonly expiredIndex: Index
}

/** About what a tombstone takes besides its results. */
const ownBytes = 128

/**
 * The tombstones of ended clients, kept for a time that the log measures, in a bounded number and of bounded bytes.
 * Invariant: the queue holds each client once, in order of (`expiredIndex`, client), so a restored state drops them in
 * the same order.
 */
export class Tombstones {
  readonly #byClient = new BTree<ClientIndex, Tombstone>(compareClients)
  readonly #sum: HashSum
  readonly #limits: StateLimits
  #queue: ClientIndex[] = []
  #head = 0
  #bytes = 0

  constructor(sum: HashSum, limits: StateLimits) {
    this.#sum = sum
    this.#limits = limits
  }

  get size(): number {
    return this.#byClient.size
  }

  get(client: ClientIndex): Tombstone | undefined {
    return this.#byClient.get(client)
  }

  /** Adds a tombstone; those of one entry in ascending order of client. The oldest go when there are too many. */
  add(client: ClientIndex, tombstone: Tombstone): void {
    this.#byClient.set(client, tombstone)
    this.#sum.add(tombstoneHash(client, tombstone))
    this.#queue.push(client)
    this.#bytes += bytesOf(tombstone)
    const { tombstonesMax, tombstoneBytesMax } = this.#limits
    while (this.size > tombstonesMax || this.#bytes > tombstoneBytesMax) this.#dropOldest()
  }

  /** The cluster time at which the oldest is too old. */
  get nextDueMs(): number | undefined {
    if (this.size === 0) return undefined
    return this.#oldest.expiredAtMs + this.#limits.tombstoneMs
  }

  /** Drops what is too old, a bounded number of them. */
  dropOld(clockMs: number): void {
    for (let left = this.#limits.tombstonesDroppedMax; left > 0 && this.size > 0; left--) {
      if (this.#oldest.expiredAtMs + this.#limits.tombstoneMs > clockMs) return
      this.#dropOldest()
    }
  }

  /** Takes the tombstones of a snapshot, in any order. */
  restore(tombstones: readonly (readonly [ClientIndex, Tombstone])[]): void {
    const sorted = [...tombstones].sort(([a, left], [b, right]) => left.expiredIndex - right.expiredIndex || a - b)
    for (const [client, tombstone] of sorted) this.add(client, tombstone)
  }

  view(): BTreeView<ClientIndex, Tombstone> {
    return this.#byClient.view()
  }

  addHashes(sum: HashSum): void {
    for (const cursor = this.#byClient.cursor(); cursor.next(); ) sum.add(tombstoneHash(cursor.key, cursor.value))
  }

  checkInvariants(): void {
    assert(this.#queue.length - this.#head === this.size, 'the queue of tombstones is not as long as they are many')
    assert(this.size <= this.#limits.tombstonesMax, 'there are too many tombstones')
    let bytes = 0
    for (const cursor = this.#byClient.cursor(); cursor.next(); ) bytes += bytesOf(cursor.value)
    assert(bytes === this.#bytes, 'the bytes of tombstones are counted wrongly')
    assert(bytes <= this.#limits.tombstoneBytesMax, 'tombstones take too many bytes')
  }

  get #oldest(): Tombstone {
    return must(this.#byClient.get(this.#queue[this.#head] as ClientIndex), 'the queue names tombstones')
  }

  #dropOldest(): void {
    const client = this.#queue[this.#head++] as ClientIndex
    const tombstone = must(this.#byClient.get(client), 'the queue names tombstones')
    this.#sum.subtract(tombstoneHash(client, tombstone))
    this.#byClient.delete(client)
    this.#bytes -= bytesOf(tombstone)
    if (this.#head < 1024 || this.#head * 2 < this.#queue.length) return
    this.#queue = this.#queue.slice(this.#head)
    this.#head = 0
  }
}

function bytesOf(tombstone: Tombstone): number {
  return ownBytes + tombstone.resultBytes
}

export function compareClients(a: ClientIndex, b: ClientIndex): number {
  return a - b
}
