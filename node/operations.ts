import type { ReadVersion, Transaction, Write } from '../core/wire/command.ts'
import { encodeDelta } from '../core/wire/delta-codec.ts'
import { encodeGraph } from '../core/wire/graph-codec.ts'
import type { Atom, NewRef, Operation } from '../core/wire/value.ts'
import { CoterieError } from './errors.ts'
import { graphOf, PlainSharer } from './plain-values.ts'

/** From the root of a document to a place in it: names of fields, indexes of arrays, keys of Maps. */
export type Path = readonly (string | number | bigint | boolean | null | undefined | Date)[]

/**
 * A change to one document as plain data. Changes to fields, Maps and Sets, `increment`, `append` and `take` go
 * together with whatever others did meanwhile; `splice`, `assign` and `set-length` mean positions and need the
 * `ifVersion` of the document they were made for. `increment` and `take` have a result.
 */
export type PlainOperation =
  /** Sets the field that the path ends with; with an empty path, replaces the whole document. */
  | { readonly op: 'set'; readonly path: Path; readonly value: unknown }
  | { readonly op: 'delete'; readonly path: Path }
  | { readonly op: 'map-set'; readonly path: Path; readonly key: unknown; readonly value: unknown }
  | { readonly op: 'map-delete'; readonly path: Path; readonly key: unknown }
  | { readonly op: 'map-clear'; readonly path: Path }
  | { readonly op: 'set-add'; readonly path: Path; readonly value: unknown }
  | { readonly op: 'set-delete'; readonly path: Path; readonly value: unknown }
  | { readonly op: 'set-clear'; readonly path: Path }
  /**
   * Adds to the field, or to the value of the Map's key, that the path ends with; an absent one counts as zero. Its
   * result is the sum.
   */
  | { readonly op: 'increment'; readonly path: Path; readonly by?: number | bigint | undefined }
  | { readonly op: 'append'; readonly path: Path; readonly values: readonly unknown[] }
  /** Removes the first or last item of an array. Its result is that item. */
  | { readonly op: 'take'; readonly path: Path; readonly end?: 'front' | 'back' | undefined }
  | {
      readonly op: 'splice'
      readonly path: Path
      readonly index: number
      readonly deleteCount?: number | undefined
      readonly values?: readonly unknown[] | undefined
    }
  | { readonly op: 'assign'; readonly path: Path; readonly index: number; readonly value: unknown }
  | { readonly op: 'set-length'; readonly path: Path; readonly length: number }

/**
 * What a transaction does with one document: at most one of `create`, `delete` and `ops`; with none, it only checks the
 * version.
 */
export interface TransactionEntry {
  readonly space: string
  readonly key: string
  /** The value of a new document; the transaction is refused `EXISTS` when there is one. */
  readonly create?: unknown
  /** The transaction is refused `GONE` when there is no document. */
  readonly delete?: true | undefined
  readonly ops?: readonly PlainOperation[] | undefined
  /** The transaction is refused `CONFLICT` unless the document has this version; 0: unless it is absent. */
  readonly ifVersion?: number | undefined
}

/**
 * The transaction that core understands. Throws `NotShareableError`, or `CoterieError` for entries that make no sense.
 */
export function transactionOf(entries: readonly TransactionEntry[]): Transaction {
  const writes: Write[] = []
  const reads: ReadVersion[] = []
  for (const [position, entry] of entries.entries()) {
    checkEntry(entry, entries, position)
    const { space, key, ifVersion } = entry
    if (ifVersion !== undefined) reads.push({ space, key, version: ifVersion })
    const write = writeOf(entry, `entries[${position}]`)
    if (write !== undefined) writes.push(write)
  }
  return { kind: 'transaction', after: [], reads, writes }
}

/** The entry that a refusal is about: `write` counts the writes, then the read versions. */
export function entryAt(entries: readonly TransactionEntry[], write: number): TransactionEntry | undefined {
  const writing = entries.filter(doesWrite)
  return writing[write] ?? entries.filter((entry) => entry.ifVersion !== undefined)[write - writing.length]
}

/** What is called `name` must be a text: keys and spaces are nothing else. */
export function checkText(value: unknown, name: string): asserts value is string {
  if (typeof value !== 'string') throw bad(`${name} is ${typeof value}; it must be a string`)
}

export function checkVersion(version: unknown, name: string): void {
  if (!isCount(version)) throw bad(`${name} is ${String(version)}; it must be the version of a document, or 0`)
}

function checkEntry(entry: TransactionEntry, entries: readonly TransactionEntry[], position: number): void {
  const name = `entries[${position}]`
  checkText(entry.space, `${name}.space`)
  checkText(entry.key, `${name}.key`)
  if (entry.ifVersion !== undefined) checkVersion(entry.ifVersion, `${name}.ifVersion`)
  const actions = ['create', 'delete', 'ops'].filter((action) => has(entry, action))
  if (actions.length > 1) throw bad(`${name} has ${actions.join(' and ')}; it can do one thing`)
  if (actions.length === 0 && entry.ifVersion === undefined) {
    throw bad(`${name} does nothing; it needs create, delete, ops or ifVersion`)
  }
  const positional = entry.ops?.find((each) => ['splice', 'assign', 'set-length'].includes(each.op))
  if (positional !== undefined && !isKnownVersion(entry, entries, position)) {
    throw bad(
      `${name} has ${positional.op}, which means positions: it needs the ifVersion of the document it was made for`,
    )
  }
}

/** Positions mean something in a version that was named, or in a document made by the same transaction. */
function isKnownVersion(
  { space, key }: TransactionEntry,
  entries: readonly TransactionEntry[],
  position: number,
): boolean {
  const isSame = (other: TransactionEntry) => other.space === space && other.key === key
  return entries.some(
    (other, at) => isSame(other) && (other.ifVersion !== undefined || (at < position && has(other, 'create'))),
  )
}

function doesWrite(entry: TransactionEntry): boolean {
  return has(entry, 'create') || has(entry, 'delete') || has(entry, 'ops')
}

/** A field that is there, which for `create` it is with the value `undefined`, too. */
function has(entry: TransactionEntry, action: string): boolean {
  return action === 'create' ? Object.hasOwn(entry, 'create') : Reflect.get(entry, action) !== undefined
}

function writeOf(entry: TransactionEntry, name: string): Write | undefined {
  const { space, key, ops } = entry
  if (has(entry, 'create')) return { kind: 'create', space, key, value: encodeGraph(graphOf(entry.create)) }
  if (entry.delete !== undefined) return { kind: 'delete', space, key, birth: 0 }
  if (ops === undefined) return undefined
  return { kind: 'change', space, key, birth: 0, delta: deltaOf(ops, `${name}.ops`) }
}

function deltaOf(ops: readonly PlainOperation[], name: string): Uint8Array {
  const sharer = new PlainSharer<NewRef>((position) => ({ kind: 'new', position }))
  const operations = ops.map((op, at) => new OperationReader(sharer, `${name}[${at}]`).read(op))
  sharer.finish()
  return encodeDelta({ nodes: sharer.nodes, operations })
}

/** Reads one plain operation, whose parts are called by `name` in errors. */
class OperationReader {
  readonly #sharer: PlainSharer<NewRef>
  readonly #name: string

  constructor(sharer: PlainSharer<NewRef>, name: string) {
    this.#sharer = sharer
    this.#name = name
  }

  read(op: PlainOperation): Operation {
    if (!Array.isArray(op.path)) throw bad(`${this.#name}.path is missing; it must be a list`)
    const path = op.path.map((step, at) => this.#sharer.atom(step, `${this.#name}.path[${at}]`))
    switch (op.op) {
      case 'set':
        if (path.length === 0) return { kind: 'replace-root', ...root, value: this.#value(op.value) }
        return { kind: 'set', ...this.#field(path), value: this.#value(op.value) }
      case 'delete':
        return { kind: 'delete', ...this.#field(path) }
      case 'map-set':
        return { kind: 'map-set', node: 'root', path, key: this.#value(op.key, 'key'), value: this.#value(op.value) }
      case 'map-delete':
        return { kind: 'map-delete', node: 'root', path, key: this.#value(op.key, 'key') }
      case 'set-add':
      case 'set-delete':
        return { kind: op.op, node: 'root', path, value: this.#value(op.value) }
      case 'map-clear':
      case 'set-clear':
        return { kind: op.op, node: 'root', path }
      case 'increment':
        return { kind: 'increment', ...this.#last(path), amount: this.#amount(op.by) }
      default:
        return this.#onArray(op, path)
    }
  }

  #onArray(
    op: Extract<PlainOperation, { op: 'append' | 'take' | 'splice' | 'assign' | 'set-length' }>,
    path: readonly Atom[],
  ): Operation {
    switch (op.op) {
      case 'append':
        return { kind: 'append', node: 'root', path, values: this.#values(op.values) }
      case 'take':
        return { kind: 'take', node: 'root', path, end: op.end === 'back' ? 'back' : 'front' }
      case 'splice': {
        const values = this.#values(op.values ?? [])
        const index = this.#count(op.index, 'index')
        return {
          kind: 'splice',
          node: 'root',
          path,
          index,
          deleteCount: this.#count(op.deleteCount ?? 0, 'deleteCount'),
          values,
        }
      }
      case 'assign':
        return {
          kind: 'assign',
          node: 'root',
          path,
          index: this.#count(op.index, 'index'),
          value: this.#value(op.value),
        }
      case 'set-length':
        return { kind: 'set-length', node: 'root', path, length: this.#count(op.length, 'length') }
      default:
        throw bad(`${this.#name}.op is ${String(Reflect.get(op, 'op'))}; accepted are ${operationNames}`)
    }
  }

  #value(plain: unknown, part = 'value') {
    return this.#sharer.share(plain, `${this.#name}.${part}`)
  }

  #values(values: unknown) {
    if (!Array.isArray(values)) throw bad(`${this.#name}.values is not a list`)
    return values.map((value: unknown, at) => this.#value(value, `values[${at}]`))
  }

  /** The record and the field that a path ends with. */
  #field(path: readonly Atom[]) {
    const { key, ...target } = this.#last(path)
    if (typeof key === 'string') return { ...target, name: key }
    throw bad(
      `${this.#name}.path ends with ${String(key)}, not with the name of a field: ` +
        'use assign for an item of an array, map-set for a Map',
    )
  }

  #last(path: readonly Atom[]) {
    if (path.length === 0) throw bad(`${this.#name}.path is empty; it must end with a field`)
    return { node: 'root' as const, path: path.slice(0, -1), key: path.at(-1) }
  }

  #amount(by: unknown): number | bigint {
    if (by === undefined) return 1
    if (typeof by === 'number' || typeof by === 'bigint') return by
    throw bad(`${this.#name}.by is ${typeof by}; it must be a number or a bigint`)
  }

  #count(count: unknown, part: string): number {
    if (isCount(count)) return count
    throw bad(`${this.#name}.${part} is ${String(count)}; it must be a whole number from 0`)
  }
}

const root = { node: 'root', path: [] } as const

const operationNames =
  'set, delete, map-set, map-delete, map-clear, set-add, set-delete, set-clear, increment, append, take, ' +
  'splice, assign, set-length'

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0
}

function bad(text: string): CoterieError {
  return new CoterieError('BAD_OPERATION', text)
}
