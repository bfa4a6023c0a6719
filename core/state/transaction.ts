import { utf8Length } from '../lib/utf8.ts'
import type { RefusalCode } from '../refusal.ts'
import type { DocumentKey, Outcome, Transaction, Write } from '../wire/command.ts'
import type { Index } from '../wire/ids.ts'
import { type Delta, isPositional } from '../wire/value.ts'
import { changeEntry, createEntry, type DocumentEntry, deltaOf, extendEntry } from './document-entry.ts'
import type { DocumentStore } from './document-store.ts'
import type { StateLimits } from './limits.ts'

/** A document that the transaction writes: as it was before, and as the writes so far leave it. */
interface Pending {
  readonly name: DocumentKey
  readonly before: DocumentEntry | undefined
  after: DocumentEntry | undefined
}

/** From how many documents on they are looked up by name instead of one after the other. */
const scanMax = 8

const withoutResults: Outcome = { kind: 'executed', results: [] }

/**
 * Executes a transaction at `index`: all of it, or nothing (S3). Reads are checked first, against the state before it;
 * then each write is worked out upon the ones before it; only when none is refused does the store change.
 * Not here: `after`, which is about the client's other requests.
 */
export function executeTransaction(
  store: DocumentStore,
  transaction: Transaction,
  index: Index,
  limits: StateLimits,
): Outcome {
  const conflict = findConflict(store, transaction)
  if (conflict !== undefined) return refused('CONFLICT', transaction.writes.length + conflict)
  const run = new TransactionRun(store, transaction, index, limits)
  let position = 0
  for (const write of transaction.writes) {
    const code = run.write(write)
    if (code !== undefined) return refused(code, position)
    position++
  }
  run.commit()
  return run.results.length === 0 ? withoutResults : { kind: 'executed', results: run.results }
}

export function refused(code: RefusalCode, write: number): Outcome {
  return { kind: 'refused', code, write }
}

/** The position of the first read that no longer holds. */
function findConflict(store: DocumentStore, transaction: Transaction): number | undefined {
  let position = 0
  for (const { space, key, version } of transaction.reads) {
    const current = key === undefined ? store.spaceVersion(space) : (store.get({ space, key })?.version ?? 0)
    if (current !== version) return position
    position++
  }
  return undefined
}

class TransactionRun {
  readonly results: Uint8Array[] = []
  readonly #store: DocumentStore
  readonly #transaction: Transaction
  readonly #index: Index
  readonly #limits: StateLimits
  #pending: Pending[] | undefined
  #byName: Map<string, Pending> | undefined
  #readNames: Set<string> | undefined

  constructor(store: DocumentStore, transaction: Transaction, index: Index, limits: StateLimits) {
    this.#store = store
    this.#transaction = transaction
    this.#index = index
    this.#limits = limits
  }

  /** Works out one write; returns why it is refused, if it is. */
  write(write: Write): RefusalCode | undefined {
    const known = this.#find(write)
    const current = known === undefined ? this.#store.get(write) : known.after
    const next = this.#next(write, current)
    if (typeof next === 'string') return next
    if (known !== undefined) known.after = next
    else this.#remember({ name: write, before: current, after: next })
    return undefined
  }

  commit(): void {
    for (const { name, before, after } of this.#pending ?? []) {
      if (after !== undefined) this.#store.put(name, before, after, this.#index)
      else if (before !== undefined) this.#store.remove(name, this.#index)
    }
  }

  #next(write: Write, current: DocumentEntry | undefined): DocumentEntry | undefined | RefusalCode {
    if (isTooLong(write.key, this.#limits) || isTooLong(write.space, this.#limits)) return 'TOO_LARGE'
    if (write.kind === 'create') {
      return current === undefined ? createEntry(write.value, this.#index, this.#limits) : 'EXISTS'
    }
    if (current === undefined || (write.birth !== 0 && write.birth !== current.birth)) return 'GONE'
    if (write.kind === 'delete') return undefined
    if (write.delta.length > this.#limits.documentBytesMax) return 'TOO_LARGE'
    const extended = extendEntry(current, write.delta, this.#index, this.#limits)
    if (extended !== undefined) return extended
    const delta = deltaOf(write.delta)
    if (delta === undefined || !this.#mayApply(write, current, delta)) return 'BAD_OPERATION'
    return changeEntry(current, write.delta, delta, this.#index, this.#limits, this.results)
  }

  /** Positions mean something only in the version that was read, or in a document that nobody else has seen yet. */
  #mayApply(name: DocumentKey, current: DocumentEntry, delta: Delta): boolean {
    if (current.birth === this.#index) return true
    for (const operation of delta.operations) if (isPositional(operation)) return this.#hasRead(name)
    return true
  }

  #hasRead(name: DocumentKey): boolean {
    if (this.#readNames === undefined) {
      this.#readNames = new Set()
      for (const { space, key } of this.#transaction.reads) {
        if (key !== undefined) this.#readNames.add(nameText({ space, key }))
      }
    }
    return this.#readNames.has(nameText(name))
  }

  #find(name: DocumentKey): Pending | undefined {
    if (this.#byName !== undefined) return this.#byName.get(nameText(name))
    if (this.#pending === undefined) return undefined
    for (const pending of this.#pending) {
      if (pending.name.key === name.key && pending.name.space === name.space) return pending
    }
    return undefined
  }

  #remember(pending: Pending): void {
    if (this.#pending === undefined) {
      // Most transactions write one document: the list takes no more room than that.
      this.#pending = [pending]
      return
    }
    this.#pending.push(pending)
    if (this.#byName !== undefined) this.#byName.set(nameText(pending.name), pending)
    else if (this.#pending.length > scanMax) {
      this.#byName = new Map(this.#pending.map((each) => [nameText(each.name), each]))
    }
  }
}

/** A code unit takes at most three bytes, so most names need no count. */
function isTooLong(text: string, { keyBytesMax }: StateLimits): boolean {
  return text.length * 3 > keyBytesMax && utf8Length(text) > keyBytesMax
}

/** One text for each name: no two names run together. */
function nameText({ space, key }: DocumentKey): string {
  return `${space.length}:${space}${key}`
}
