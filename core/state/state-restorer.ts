import { ByteReader, Malformed } from '../lib/bytes.ts'
import type { Outcome } from '../wire/command.ts'
import { nonceBytes, readOutcome } from '../wire/command-codec.ts'
import { type ClientIndex, isHistoryId } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { resultBytes } from './client-table.ts'
import { resultHash } from './digest.ts'
import { restoreEntry } from './document-entry.ts'
import { compareTexts } from './document-store.ts'
import type { StateLimits } from './limits.ts'
import { recordTag, snapshotFormat } from './snapshot.ts'
import { StateParts } from './state-parts.ts'
import type { Tombstone } from './tombstones.ts'

/** A client or tombstone whose results are still to come. */
interface Owner {
  readonly client: ClientIndex
  readonly last: number
  readonly ackedBelow: number
  readonly results: Result[]
  readonly rest:
    | { readonly kind: 'client'; readonly nonce: Uint8Array; readonly touch: number }
    | { readonly kind: 'tombstone'; readonly expiredAtMs: number; readonly expiredIndex: number }
}

type Section = 'start' | 'documents' | 'clients' | 'tombstones' | 'ended'

/**
 * Builds a state from the chunks of a snapshot, one call each. Every call throws `Malformed` when the bytes are not
 * such a snapshot; the restorer is then to be thrown away. Nothing is taken on trust: order, bounds and documents are
 * checked, and the state hash at the end.
 */
export class StateRestorer<State> {
  readonly #parts: StateParts
  readonly #make: (parts: StateParts) => State
  readonly #tombstones: (readonly [ClientIndex, Tombstone])[] = []
  #section: Section = 'start'
  #space = ''
  #documentsLeft = 0
  #lastKey: string | undefined
  #owner: Owner | undefined
  #lastClient = 0
  #largest = 0

  constructor(limits: StateLimits, make: (parts: StateParts) => State) {
    this.#parts = new StateParts(limits)
    this.#make = make
  }

  /** How many records the largest single call handled. */
  get entriesInLargestCall(): number {
    return this.#largest
  }

  push(chunk: Uint8Array): void {
    let entries = 0
    for (const reader = new ByteReader(chunk); reader.remaining > 0; entries++) this.#record(reader)
    this.#largest = Math.max(this.#largest, entries)
  }

  /** The state, when all chunks were added. */
  finish(): State {
    if (this.#section !== 'ended') throw new Malformed('the snapshot ends too early')
    return this.#make(this.#parts)
  }

  #record(reader: ByteReader): void {
    const tag = reader.u8()
    if ((tag === recordTag.header) !== (this.#section === 'start')) throw new Malformed('a header at the wrong place')
    if ((tag === recordTag.result) !== (this.#owner !== undefined)) throw new Malformed('a result at the wrong place')
    if ((tag === recordTag.document) !== this.#documentsLeft > 0) throw new Malformed('a document at the wrong place')
    switch (tag) {
      case recordTag.header:
        this.#header(reader)
        break
      case recordTag.space:
        this.#spaceRecord(reader)
        break
      case recordTag.document:
        this.#document(reader)
        break
      case recordTag.client:
        this.#client(reader)
        break
      case recordTag.tombstone:
        this.#tombstone(reader)
        break
      case recordTag.result:
        this.#result(reader)
        break
      case recordTag.end:
        this.#end(reader)
        break
      default:
        throw new Malformed('unknown kind of record')
    }
  }

  #header(reader: ByteReader): void {
    if (reader.uint() !== snapshotFormat) throw new Malformed('unknown format of snapshot')
    this.#parts.appliedIndex = reader.uint()
    this.#parts.clockMs = reader.uint()
    const history = reader.text(16)
    if (history !== '') {
      if (!isHistoryId(history)) throw new Malformed('not a history id')
      this.#parts.history = history
    }
    this.#parts.servers = reader.text()
    this.#section = 'documents'
  }

  #spaceRecord(reader: ByteReader): void {
    if (this.#section !== 'documents') throw new Malformed('a space at the wrong place')
    const space = reader.text(this.#parts.limits.keyBytesMax)
    const version = this.#index(reader)
    const count = reader.uint()
    if (count === 0) throw new Malformed('a space without documents')
    if (this.#lastKey !== undefined && compareTexts(this.#space, space) >= 0) throw new Malformed('spaces out of order')
    this.#parts.documents.restoreSpace({ space, version, count })
    this.#space = space
    this.#documentsLeft = count
    this.#lastKey = undefined
  }

  #document(reader: ByteReader): void {
    const key = reader.text(this.#parts.limits.keyBytesMax)
    if (this.#lastKey !== undefined && compareTexts(this.#lastKey, key) >= 0) throw new Malformed('keys out of order')
    const birth = this.#index(reader)
    const version = this.#index(reader)
    if (birth > version) throw new Malformed('a document changed before it was born')
    const base = reader.blob(this.#parts.limits.documentBytesMax).slice()
    const deltas: Uint8Array[] = []
    for (let left = reader.count(); left > 0; left--) deltas.push(reader.blob())
    const entry = restoreEntry(birth, version, base, deltas, this.#parts.limits)
    this.#parts.documents.restoreDocument({ space: this.#space, key }, entry)
    this.#lastKey = key
    this.#documentsLeft--
  }

  #client(reader: ByteReader): void {
    if (this.#section === 'documents') this.#enter('clients')
    if (this.#section !== 'clients') throw new Malformed('a client at the wrong place')
    const client = this.#clientIndex(reader)
    const nonce = reader.raw(nonceBytes).slice()
    if (this.#parts.clients.withNonce(nonce) !== undefined) throw new Malformed('a nonce comes twice')
    const numbers = readNumbers(reader)
    const touch = reader.uint()
    this.#own({ client, ...numbers, results: [], rest: { kind: 'client', nonce, touch } })
  }

  #tombstone(reader: ByteReader): void {
    if (this.#section !== 'tombstones') this.#enter('tombstones')
    const client = this.#clientIndex(reader)
    if (this.#parts.clients.get(client) !== undefined) throw new Malformed('a client is both there and gone')
    if (this.#tombstones.length >= this.#parts.limits.tombstonesMax) throw new Malformed('too many tombstones')
    const numbers = readNumbers(reader)
    const expiredAtMs = reader.uint()
    const expiredIndex = this.#index(reader)
    this.#own({ client, ...numbers, results: [], rest: { kind: 'tombstone', expiredAtMs, expiredIndex } })
  }

  #own(owner: Owner): void {
    this.#owner = owner
    this.#settle(owner)
  }

  #result(reader: ByteReader): void {
    const owner = this.#owner
    if (owner === undefined) throw new Malformed('a result of nobody')
    const index = this.#index(reader)
    owner.results.push({ number: owner.ackedBelow + owner.results.length, index, outcome: copied(readOutcome(reader)) })
    this.#settle(owner)
  }

  /** Adds the owner once it has all of its results. */
  #settle(owner: Owner): void {
    const { client, last, ackedBelow, results, rest } = owner
    if (results.length < last + 1 - ackedBelow) return
    this.#owner = undefined
    let bytes = 0
    for (const result of results) bytes += resultBytes(result.outcome)
    if (rest.kind === 'tombstone') {
      const { expiredAtMs, expiredIndex } = rest
      this.#tombstones.push([client, { last, ackedBelow, results, resultBytes: bytes, expiredAtMs, expiredIndex }])
      return
    }
    let [resultsLow, resultsHigh] = [0, 0]
    for (const result of results) {
      const { low, high } = resultHash(result)
      resultsLow = (resultsLow + low) | 0
      resultsHigh = (resultsHigh + high) | 0
    }
    const kept = { log: results, head: 0, resultBytes: bytes, resultsLow, resultsHigh }
    this.#parts.clients.restore(client, { nonce: rest.nonce, last, ackedBelow, touch: rest.touch, ...kept })
  }

  #end(reader: ByteReader): void {
    if (this.#section === 'ended') throw new Malformed('the snapshot has two ends')
    this.#parts.tombstones.restore(this.#tombstones)
    if (reader.text(16) !== this.#parts.digest()) throw new Malformed('the snapshot does not have its state hash')
    this.#section = 'ended'
  }

  #enter(section: 'clients' | 'tombstones'): void {
    if (this.#section === 'ended') throw new Malformed('records behind the end')
    this.#section = section
    this.#lastClient = 0
  }

  #clientIndex(reader: ByteReader): ClientIndex {
    const client = this.#index(reader)
    if (client <= this.#lastClient) throw new Malformed('clients out of order')
    this.#lastClient = client
    return client as ClientIndex
  }

  #index(reader: ByteReader): number {
    const index = reader.uint()
    if (index < 1 || index > this.#parts.appliedIndex) throw new Malformed('an index beyond the snapshot')
    return index
  }
}

function readNumbers(reader: ByteReader): { last: number; ackedBelow: number } {
  const last = reader.uint()
  const ackedBelow = reader.uint()
  if (ackedBelow < 1 || ackedBelow > last + 1) throw new Malformed('a client acknowledged what it never asked for')
  return { last, ackedBelow }
}

/** The outcome with bytes of its own, so that it does not keep the chunk alive. */
function copied(outcome: Outcome): Outcome {
  return outcome.kind === 'executed'
    ? { kind: 'executed', results: outcome.results.map((bytes) => bytes.slice()) }
    : outcome
}
