import { assert } from '../lib/assert.ts'
import { BTree, type BTreeView } from '../lib/btree.ts'
import { hex } from '../lib/bytes.ts'
import type { HashSum } from '../lib/hash64.ts'
import type { Outcome } from '../wire/command.ts'
import type { ClientIndex } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { clientHash, resultHash } from './digest.ts'
import { compareClients } from './tombstones.ts'

/**
 * A registered client. Never altered, only replaced.
 * Invariant: 1 <= `ackedBelow` <= `last` + 1; the results of the numbers from `ackedBelow` to `last` lie in `log` from
 * `head` on. `log` is shared with the entries that this one replaced and only ever grows behind what they see.
 */
export interface ClientEntry {
  readonly nonce: Uint8Array
  readonly last: number
  readonly ackedBelow: number
  /** Rises with everything that this client does in the log. */
  readonly touch: number
  readonly log: Result[]
  readonly head: number
  readonly resultBytes: number
  /** Sum of the hashes of the results kept. */
  readonly resultsLow: number
  readonly resultsHigh: number
}

/** From how many acknowledged results, or from how large a one, the log is copied to let go of them. */
const droppedMax = 32
const droppedBytesMax = 4096

/**
 * Who is registered, and the results that make a request happen once (R7).
 * Invariant: `#byNonce` names exactly the clients there are.
 */
export class ClientTable {
  readonly #clients = new BTree<ClientIndex, ClientEntry>(compareClients)
  readonly #byNonce = new Map<string, ClientIndex>()
  readonly #sum: HashSum

  constructor(sum: HashSum) {
    this.#sum = sum
  }

  get size(): number {
    return this.#clients.size
  }

  get(client: ClientIndex): ClientEntry | undefined {
    return this.#clients.get(client)
  }

  withNonce(nonce: Uint8Array): ClientIndex | undefined {
    return this.#byNonce.get(hex(nonce))
  }

  register(client: ClientIndex, nonce: Uint8Array): void {
    this.restore(client, {
      nonce: nonce.slice(),
      last: 0,
      ackedBelow: 1,
      touch: 0,
      log: [],
      head: 0,
      resultBytes: 0,
      resultsLow: 0,
      resultsHigh: 0,
    })
  }

  /** Adds a client of a snapshot. */
  restore(client: ClientIndex, entry: ClientEntry): void {
    const nonce = hex(entry.nonce)
    assert(!this.#byNonce.has(nonce), 'a nonce registers one client')
    this.#byNonce.set(nonce, client)
    this.#clients.set(client, entry)
    this.#sum.add(clientHash(client, entry))
  }

  /** The client was heard of, and acknowledged results below `ackedBelow`. */
  touch(client: ClientIndex, entry: ClientEntry, ackedBelow: number): ClientEntry {
    const touched = { ...dropResults(entry, Math.min(ackedBelow, entry.last + 1)), touch: entry.touch + 1 }
    this.#replace(client, entry, touched)
    return touched
  }

  /** Keeps the result of the client's next request, which also acknowledges results below `ackedBelow`. */
  record(client: ClientIndex, entry: ClientEntry, ackedBelow: number, result: Result): void {
    assert(result.number === entry.last + 1, 'requests are executed in order of number')
    const kept = dropResults(entry, Math.min(ackedBelow, result.number))
    assert(kept.log.length === kept.head + kept.last + 1 - kept.ackedBelow, 'only the newest entry of a client grows')
    kept.log.push(result)
    const hash = resultHash(result)
    this.#replace(client, entry, {
      nonce: kept.nonce,
      last: result.number,
      ackedBelow: kept.ackedBelow,
      touch: entry.touch + 1,
      log: kept.log,
      head: kept.head,
      resultBytes: kept.resultBytes + resultBytes(result.outcome),
      resultsLow: (kept.resultsLow + hash.low) | 0,
      resultsHigh: (kept.resultsHigh + hash.high) | 0,
    })
  }

  remove(client: ClientIndex, entry: ClientEntry): void {
    this.#sum.subtract(clientHash(client, entry))
    this.#byNonce.delete(hex(entry.nonce))
    this.#clients.delete(client)
  }

  view(): BTreeView<ClientIndex, ClientEntry> {
    return this.#clients.view()
  }

  /** In ascending order. */
  *entries(): Generator<readonly [ClientIndex, ClientEntry]> {
    for (const cursor = this.#clients.view().cursor(); cursor.next(); ) yield [cursor.key, cursor.value]
  }

  /** Recomputes every hash, those of results included. */
  addHashes(sum: HashSum): void {
    for (const [client, entry] of this.entries()) {
      let [resultsLow, resultsHigh] = [0, 0]
      for (const result of resultsFrom(entry, 1)) {
        const hash = resultHash(result)
        resultsLow = (resultsLow + hash.low) | 0
        resultsHigh = (resultsHigh + hash.high) | 0
      }
      sum.add(clientHash(client, { ...entry, resultsLow, resultsHigh }))
    }
  }

  checkInvariants(): void {
    assert(this.#byNonce.size === this.#clients.size, 'nonces and clients are not equally many')
    for (const [client, entry] of this.entries()) {
      assert(this.withNonce(entry.nonce) === client, 'a nonce names another client')
      assert(
        entry.ackedBelow >= 1 && entry.ackedBelow <= entry.last + 1,
        'a client acknowledged what it never asked for',
      )
      assert(
        resultAt(entry, entry.ackedBelow)?.number === (entry.ackedBelow <= entry.last ? entry.ackedBelow : undefined),
        'the first result kept is the wrong one',
      )
      assert(
        resultAt(entry, entry.last)?.number === (entry.ackedBelow <= entry.last ? entry.last : undefined),
        'the last result kept is the wrong one',
      )
    }
  }

  #replace(client: ClientIndex, before: ClientEntry, after: ClientEntry): void {
    this.#sum.subtract(clientHash(client, before))
    this.#sum.add(clientHash(client, after))
    this.#clients.set(client, after)
  }
}

/** The kept result of a number; undefined when it is acknowledged or not executed yet. */
export function resultAt(entry: ClientEntry, number: number): Result | undefined {
  return number >= entry.ackedBelow && number <= entry.last
    ? entry.log[entry.head + number - entry.ackedBelow]
    : undefined
}

/** The kept results of `number` and all after it, in order. */
export function resultsFrom(entry: ClientEntry, number: number): Result[] {
  const from = entry.head + Math.max(0, number - entry.ackedBelow)
  return entry.log.slice(from, entry.head + entry.last + 1 - entry.ackedBelow)
}

/** About how many bytes a result takes where it is kept. */
export function resultBytes(outcome: Outcome): number {
  let bytes = 16
  if (outcome.kind === 'executed') for (const result of outcome.results) bytes += result.length + 4
  return bytes
}

/** The entry without the results of numbers below `ackedBelow`, which is at most `last` + 1. */
function dropResults(entry: ClientEntry, ackedBelow: number): ClientEntry {
  if (ackedBelow <= entry.ackedBelow) return entry
  const dropped = Math.min(ackedBelow, entry.last + 1) - entry.ackedBelow
  let bytes = 0
  let { resultsLow, resultsHigh } = entry
  for (let i = entry.head; i < entry.head + dropped; i++) {
    const result = entry.log[i] as Result
    const hash = resultHash(result)
    resultsLow = (resultsLow - hash.low) | 0
    resultsHigh = (resultsHigh - hash.high) | 0
    bytes += resultBytes(result.outcome)
  }
  const head = entry.head + dropped
  const keep = entry.log.length - head
  const compact = head > keep + droppedMax || bytes > droppedBytesMax
  return {
    nonce: entry.nonce,
    last: entry.last,
    ackedBelow: entry.ackedBelow + dropped,
    touch: entry.touch,
    log: compact ? entry.log.slice(head) : entry.log,
    head: compact ? 0 : head,
    resultBytes: entry.resultBytes - bytes,
    resultsLow,
    resultsHigh,
  }
}
