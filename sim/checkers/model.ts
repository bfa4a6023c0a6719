import { assert, unreachable } from '../../core/lib/assert.ts'
import { hex } from '../../core/lib/bytes.ts'
import type { RefusalCode } from '../../core/refusal.ts'
import { stateLimits } from '../../core/state/limits.ts'
import type { Command, ReadVersion, Transaction, Write } from '../../core/wire/command.ts'
import { decodeCommand } from '../../core/wire/command-codec.ts'
import type { Index } from '../../core/wire/ids.ts'
import { decodeWorkChanges, decodeWorkDocument, encodeWorkDocument, type WorkDocument } from '../work-document.ts'
import type { CommittedEntry } from './types.ts'

export interface ModelDocument {
  readonly space: string
  readonly key: string
  readonly birth: Index
  readonly version: Index
  readonly value: WorkDocument
}

export type ModelOutcome =
  /** `sum`: the result of the increment that is all the request does. */
  | { readonly kind: 'executed'; readonly sum: number | undefined }
  | { readonly kind: 'refused'; readonly code: RefusalCode }
  | { readonly kind: 'cancelled' }

/** What an entry did. `repeated`: a request whose number was taken before, which must have had no effect. */
export type ModelEffect =
  | {
      readonly kind: 'request'
      readonly index: Index
      readonly client: number
      readonly number: number
      readonly body: Transaction | { readonly kind: 'cancel' }
      readonly outcome: ModelOutcome
    }
  | { readonly kind: 'repeated' }
  | { readonly kind: 'none' }
  /** The model can't follow: the entry holds what no workload writes. */
  | { readonly kind: 'foreign'; readonly why: string }

interface ModelClient {
  readonly nonce: string
  readonly executed: Set<number>
  last: number
  touch: number
}

type Request = Extract<Command, { kind: 'request' }>
type Overlay = Map<string, ModelDocument | undefined>

/** The bounds of a group that decide what becomes of a request. */
export interface ModelLimits {
  readonly clientsMax: number
  readonly documentBytesMax: number
}

/**
 * What the group must hold after each entry: plain documents, the rule of once-only requests, and nothing else. Written
 * from the design, not from the servers' code, so that the two can disagree.
 * Not here: limits that no workload reaches.
 */
export class Model {
  readonly #documents = new Map<string, ModelDocument>()
  readonly #spaces = new Map<string, { version: Index; readonly keys: Set<string> }>()
  readonly #clients = new Map<number, ModelClient>()
  readonly #byNonce = new Map<string, number>()
  readonly #limits: ModelLimits
  #index: Index = 0
  #history = ''

  constructor(limits: ModelLimits = stateLimits) {
    this.#limits = limits
  }

  /** The newest entry that was applied. */
  get index(): Index {
    return this.#index
  }

  document(space: string, key: string): ModelDocument | undefined {
    return this.#documents.get(nameOf(space, key))
  }

  /** All documents, sorted by space and key. */
  documents(): readonly ModelDocument[] {
    return [...this.#documents.values()].sort((a, b) => compare(a.space, b.space) || compare(a.key, b.key))
  }

  /** Index of the space's last create or delete; 0 while it is empty. */
  spaceVersion(space: string): Index {
    return this.#spaces.get(space)?.version ?? 0
  }

  keys(space: string): readonly string[] {
    return [...(this.#spaces.get(space)?.keys ?? [])].sort(compare)
  }

  /** Applies the next entry of the log. */
  apply(entry: CommittedEntry): ModelEffect {
    assert(entry.index === this.#index + 1, 'the model applies entries in order')
    this.#index = entry.index
    if (entry.kind !== 'data') return { kind: 'none' }
    const command = decodeCommand(entry.payload)
    if (command === undefined) return { kind: 'foreign', why: 'its payload is no command' }
    switch (command.kind) {
      case 'register':
        this.#register(hex(command.nonce))
        return { kind: 'none' }
      case 'request':
        return this.#request(command)
      case 'expire':
        for (const { client, touch } of command.clients) this.#expire(client, touch)
        return { kind: 'none' }
      case 'found':
        this.#found(command.history)
        return { kind: 'none' }
      case 'clock':
        return { kind: 'none' }
      default:
        return unreachable(command)
    }
  }

  /** Clients belong to the history that ended; documents stay. */
  #found(history: string): void {
    if (history === this.#history) return
    this.#history = history
    this.#clients.clear()
    this.#byNonce.clear()
  }

  #register(nonce: string): void {
    const known = this.#clients.get(this.#byNonce.get(nonce) ?? 0)
    if (known !== undefined) known.touch++
    else if (this.#clients.size < this.#limits.clientsMax) {
      this.#clients.set(this.#index, { nonce, executed: new Set(), last: 0, touch: 0 })
      this.#byNonce.set(nonce, this.#index)
    }
  }

  #expire(client: number, touch: number): void {
    const known = this.#clients.get(client)
    if (known === undefined || known.touch !== touch) return
    this.#clients.delete(client)
    this.#byNonce.delete(known.nonce)
  }

  #request({ client: id, number, body }: Request): ModelEffect {
    const client = this.#clients.get(id)
    if (client === undefined) return { kind: 'none' }
    if (number > client.last + 1) return { kind: 'none' }
    client.touch++
    if (number <= client.last) return { kind: 'repeated' }
    client.last = number
    const outcome = body.kind === 'cancel' ? ({ kind: 'cancelled' } as const) : this.#transact(client, body)
    if (typeof outcome === 'string') return { kind: 'foreign', why: outcome }
    if (outcome.kind === 'executed') client.executed.add(number)
    return { kind: 'request', index: this.#index, client: id, number, body, outcome }
  }

  /** All or nothing; a text says why the model can't tell. */
  #transact(client: ModelClient, { after, reads, writes }: Transaction): ModelOutcome | string {
    if (!after.every((number) => client.executed.has(number))) return { kind: 'refused', code: 'NOT_AFTER' }
    if (!reads.every((read) => this.#versionOf(read) === read.version)) return { kind: 'refused', code: 'CONFLICT' }
    const overlay: Overlay = new Map()
    for (const write of writes) {
      const refusal = this.#write(write, overlay)
      if (refusal === 'GONE' || refusal === 'EXISTS' || refusal === 'TOO_LARGE')
        return { kind: 'refused', code: refusal }
      if (refusal !== undefined) return refusal
    }
    for (const [name, document] of overlay) this.#put(name, document)
    return { kind: 'executed', sum: sumOf(writes, overlay) }
  }

  #versionOf({ space, key }: ReadVersion): Index {
    return key === undefined ? this.spaceVersion(space) : (this.document(space, key)?.version ?? 0)
  }

  #write(write: Write, overlay: Overlay): string | undefined {
    const { space, key } = write
    const name = nameOf(space, key)
    const before = overlay.has(name) ? overlay.get(name) : this.#documents.get(name)
    if (write.kind === 'create') {
      if (before !== undefined) return 'EXISTS'
      const value = decodeWorkDocument(write.value)
      if (value === undefined) return 'it creates a document that is none of the workload'
      if (write.value.length > this.#limits.documentBytesMax) return 'TOO_LARGE'
      overlay.set(name, { space, key, birth: this.#index, version: this.#index, value })
      return undefined
    }
    if (before === undefined || (write.birth !== 0 && write.birth !== before.birth)) return 'GONE'
    if (write.kind === 'delete') {
      overlay.set(name, undefined)
      return undefined
    }
    const value = changed(before.value, write.delta)
    if (value === undefined) return 'it changes a document in a way that is none of the workload'
    if (encodeWorkDocument(value).length > this.#limits.documentBytesMax) return 'TOO_LARGE'
    overlay.set(name, { ...before, version: this.#index, value })
    return undefined
  }

  #put(name: string, document: ModelDocument | undefined): void {
    const before = this.#documents.get(name)
    if (before?.birth !== document?.birth) {
      if (before !== undefined) this.#listed(before, false)
      if (document !== undefined) this.#listed(document, true)
    }
    if (document === undefined) this.#documents.delete(name)
    else this.#documents.set(name, document)
  }

  #listed({ space, key }: ModelDocument, there: boolean): void {
    const entry = this.#spaces.get(space) ?? { version: 0, keys: new Set() }
    entry.version = this.#index
    if (there) entry.keys.add(key)
    else entry.keys.delete(key)
    if (entry.keys.size === 0) this.#spaces.delete(space)
    else this.#spaces.set(space, entry)
  }
}

/** A name as one text; the length keeps a space that ends like a key apart. */
function nameOf(space: string, key: string): string {
  return `${space.length}/${space}/${key}`
}

/** What the transaction's increment came to, if it has one. */
function sumOf(writes: readonly Write[], overlay: Overlay): number | undefined {
  for (const write of writes) {
    const steps = write.kind === 'change' ? decodeWorkChanges(write.delta) : undefined
    if (steps?.some(({ kind }) => kind === 'add-n') === true)
      return overlay.get(nameOf(write.space, write.key))?.value.n
  }
  return undefined
}

function changed(before: WorkDocument, delta: Uint8Array): WorkDocument | undefined {
  const steps = decodeWorkChanges(delta)
  if (steps === undefined) return undefined
  let value = before
  for (const step of steps) {
    if (step.kind === 'set-n') value = { ...value, n: step.n }
    else if (step.kind === 'add-n') value = { ...value, n: value.n + step.amount }
    else if (step.kind === 'set-by') value = { ...value, by: step.by }
    else value = { ...value, list: [...value.list, ...step.elements] }
  }
  return value
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
