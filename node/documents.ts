import { Malformed } from '../core/lib/bytes.ts'
import { foldDocument } from '../core/state/fold.ts'
import { stateLimits } from '../core/state/limits.ts'
import type { Answer, Outcome, Query, Transaction } from '../core/wire/command.ts'
import { decodeGraph } from '../core/wire/graph-codec.ts'
import type { Index } from '../core/wire/ids.ts'
import type { Graph } from '../core/wire/value.ts'
import { entryAt, type TransactionEntry, transactionOf } from './entries.ts'
import { CoterieError, refusalError, textOf } from './errors.ts'
import { plainOf } from './plain-values.ts'
import { isCount, isObject, Problems, shown } from './problems.ts'

/** A document as it was at some moment during the call. Its value is a copy of the caller's own. */
export interface Document<T> {
  readonly value: T
  readonly version: number
}

export interface ListOptions {
  /** The page begins behind this key. */
  readonly after?: string | undefined
  /** At most so many keys, at least 1; the page may be shorter for other reasons. */
  readonly limit?: number | undefined
}

export interface Listing {
  /** In the order of their UTF-16 code units. */
  readonly keys: readonly string[]
  /** What to pass for the next page; undefined on the last. */
  readonly after: string | undefined
}

export interface TransactionDone {
  /** The version that every document has which the transaction created or changed. */
  readonly version: number
  /** One for each `increment` and `take`, in order. */
  readonly results: readonly unknown[]
}

/** What the log decided on a transaction. */
export interface Settled {
  readonly index: Index
  readonly outcome: Outcome
}

/** How calls reach the group. */
export interface CallDoor {
  submit(transaction: Transaction, about: string): Promise<Settled>
  ask(query: Query, about: string): Promise<Answer>
}

/**
 * Documents of plain data, each one graph of records, arrays, Maps, Sets, dates and the like, by space and key.
 * Every call ends: with an answer, or with a `CoterieError` whose `executed` says whether it had an effect.
 */
export class Documents {
  readonly #door: CallDoor

  constructor(door: CallDoor) {
    this.#door = door
  }

  /** The document as the last acknowledged commit left it; undefined when there is none. */
  async get<T = unknown>(space: string, key: string): Promise<Document<T> | undefined> {
    const about = named('get', space, key)
    const answer = await this.#door.ask({ kind: 'get', space, key }, about)
    if (answer.kind !== 'document') return undefined
    const value = readable(() => foldDocument(answer.base, answer.deltas), about)
    return { value: value as T, version: answer.version }
  }

  /** Makes a new document. Throws `EXISTS` when there is one. */
  async create(space: string, key: string, value: unknown): Promise<{ readonly version: number }> {
    named('create', space, key)
    const { version } = await this.#transact([{ space, key, create: value }], 'create', 'value')
    return { version }
  }

  /** Deletes a document; false when there was none. With `ifVersion`, throws `CONFLICT` when it has another version. */
  async delete(
    space: string,
    key: string,
    options: { readonly ifVersion?: number | undefined } = {},
  ): Promise<boolean> {
    named('delete', space, key, options)
    try {
      await this.#transact([{ space, key, delete: true, ifVersion: options.ifVersion }], 'delete')
      return true
    } catch (error) {
      if (error instanceof CoterieError && error.code === 'GONE') return false
      throw error
    }
  }

  /** A page of the keys of a space. */
  async list(space: string, options: ListOptions = {}): Promise<Listing> {
    checkList(space, options)
    const { after, limit = stateLimits.listKeysMax } = options
    const answer = await this.#door.ask({ kind: 'list', space, after, limit }, `list ${JSON.stringify(space)}`)
    if (answer.kind !== 'listing') return { keys: [], after: undefined }
    return { keys: answer.keys, after: answer.more ? answer.keys.at(-1) : undefined }
  }

  /** Does all of it or nothing. There must be at least one entry: one that does nothing has no version to tell. */
  async transact(entries: readonly TransactionEntry[]): Promise<TransactionDone> {
    return this.#transact(entries, 'transact')
  }

  async #transact(entries: readonly TransactionEntry[], verb: string, valueName?: string): Promise<TransactionDone> {
    const transaction = transactionOf(entries, valueName)
    const { index, outcome } = await this.#door.submit(transaction, aboutEntries(entries, verb))
    return { version: index, results: resultsOf(outcome, entries, verb) }
  }
}

function resultsOf(outcome: Outcome, entries: readonly TransactionEntry[], verb: string): readonly unknown[] {
  if (outcome.kind === 'executed') {
    return outcome.results.map((bytes) => readable(() => decodeGraph(bytes), aboutEntries(entries, verb)))
  }
  if (outcome.kind === 'cancelled') throw refusalError('CANCELLED', 'no', aboutEntries(entries, verb))
  const entry = entryAt(entries, outcome.write)
  throw refusalError(outcome.code, 'no', aboutEntries(entry === undefined ? entries : [entry], verb))
}

/** A value of what the group sent; an error that says so when this process can't read it or can't make such a value. */
function readable(graph: () => Graph, about: string): unknown {
  try {
    return plainOf(graph())
  } catch (error) {
    if (!(error instanceof Malformed) && !(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error
    throw new CoterieError('UNREADABLE', `${about}: this process can't make the value: ${textOf(error)}`, 'unknown', {
      cause: error,
    })
  }
}

function checkList(space: string, options: ListOptions): void {
  const problems = new Problems()
  problems.checkName(space, 'list: space')
  if (!isObject(options)) problems.add(`list: options is ${shown(options)}; it must be an object`)
  else {
    const { after, limit } = options
    if (after !== undefined) problems.checkName(after, 'list: after')
    // A page without keys would say that there are no more.
    if (limit !== undefined && (!isCount(limit) || limit < 1)) {
      problems.add(`list: limit is ${shown(limit)}; it must be a whole number of at least 1`)
    }
  }
  problems.throwIfAny()
}

/** Checks the arguments of a call about one document, and says which call it is. */
function named(verb: string, space: string, key: string, options: unknown = {}): string {
  const problems = new Problems()
  problems.checkName(space, `${verb}: space`)
  problems.checkName(key, `${verb}: key`)
  if (!isObject(options)) problems.add(`${verb}: options is ${shown(options)}; it must be an object`)
  problems.throwIfAny()
  return `${verb} ${JSON.stringify(space)} ${JSON.stringify(key)}`
}

function aboutEntries(entries: readonly TransactionEntry[], verb: string): string {
  const [first] = entries
  if (first === undefined || entries.length > 1) return `${verb} of ${entries.length} documents`
  return `${verb} ${JSON.stringify(first.space)} ${JSON.stringify(first.key)}`
}
