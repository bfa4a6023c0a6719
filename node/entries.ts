import type { ReadVersion, Transaction, Write } from '../core/wire/command.ts'
import { encodeGraph } from '../core/wire/graph-codec.ts'
import { NotShareableError } from './errors.ts'
import { deltaOf, isPositional, type PlainOperation } from './operations.ts'
import { graphOf } from './plain-values.ts'
import { isObject, Problems, shown } from './problems.ts'

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
 * The transaction that core understands. Throws one `CoterieError` with everything that is wrong with the entries:
 * `NotShareableError` when that is only what their values hold. `valueName` is what the caller calls the value of a new
 * document, if not as here.
 */
export function transactionOf(entries: readonly TransactionEntry[], valueName?: string): Transaction {
  const problems = new Problems()
  const writes: Write[] = []
  const reads: ReadVersion[] = []
  if (!Array.isArray(entries)) problems.add(`entries is ${shown(entries)}; it must be a list`)
  else if (entries.length === 0) problems.add('entries is empty; a transaction needs at least one')
  else {
    for (const [position, entry] of entries.entries()) {
      const name = `entries[${position}]`
      if (!checkEntry(entry, entries, position, problems)) continue
      const { space, key, ifVersion } = entry
      if (ifVersion !== undefined) reads.push({ space, key, version: ifVersion })
      const write = writeOf(entry, name, valueName ?? `${name}.create`, problems)
      if (write !== undefined) writes.push(write)
    }
  }
  problems.throwIfAny()
  return { kind: 'transaction', after: [], reads, writes }
}

/** The entry that a refusal is about: `write` counts the writes, then the read versions. */
export function entryAt(entries: readonly TransactionEntry[], write: number): TransactionEntry | undefined {
  const writing = entries.filter(doesWrite)
  return writing[write] ?? entries.filter((entry) => entry.ifVersion !== undefined)[write - writing.length]
}

/** Whether the entry is an object at all; what is wrong with it goes to `problems`. */
function checkEntry(
  entry: TransactionEntry,
  entries: readonly TransactionEntry[],
  position: number,
  problems: Problems,
): boolean {
  const name = `entries[${position}]`
  if (!isObject(entry)) {
    problems.add(`${name} is ${shown(entry)}; it must be an object with space and key`)
    return false
  }
  problems.checkName(entry.space, `${name}.space`)
  problems.checkName(entry.key, `${name}.key`)
  if (entry.ifVersion !== undefined) problems.checkVersion(entry.ifVersion, `${name}.ifVersion`)
  const actions = actionsOf(entry)
  if (actions.length > 1) problems.add(`${name} has ${actions.join(' and ')}; it can do one thing`)
  if (actions.length === 0 && entry.ifVersion === undefined) {
    problems.add(`${name} does nothing; it needs create, delete, ops or ifVersion`)
  }
  if (has(entry, 'delete') && entry.delete !== true) {
    problems.add(`${name}.delete is ${shown(entry.delete)}; it must be true`)
  }
  checkPositions(entry, entries, position, problems)
  return true
}

function checkPositions(
  entry: TransactionEntry,
  entries: readonly TransactionEntry[],
  position: number,
  problems: Problems,
): void {
  const ops: unknown = entry.ops
  const positional = Array.isArray(ops) ? ops.find(isPositional) : undefined
  if (positional === undefined || isKnownVersion(entry, entries, position)) return
  problems.add(
    `entries[${position}] has ${positional.op}, which means positions: it needs the ifVersion of the document it was ` +
      'made for',
  )
}

/** Positions mean something in a version that was named, or in a document made by the same transaction. */
function isKnownVersion(
  { space, key }: TransactionEntry,
  entries: readonly TransactionEntry[],
  position: number,
): boolean {
  const isSame = (other: TransactionEntry) => isObject(other) && other.space === space && other.key === key
  return entries.some(
    (other, at) => isSame(other) && (other.ifVersion !== undefined || (at < position && has(other, 'create'))),
  )
}

function doesWrite(entry: TransactionEntry): boolean {
  return actionsOf(entry).length > 0
}

function actionsOf(entry: TransactionEntry): readonly string[] {
  return ['create', 'delete', 'ops'].filter((action) => has(entry, action))
}

/** A field that is there, which for `create` it is with the value `undefined`, too. */
function has(entry: TransactionEntry, action: string): boolean {
  return action === 'create' ? Object.hasOwn(entry, 'create') : Reflect.get(entry, action) !== undefined
}

function writeOf(entry: TransactionEntry, name: string, valueName: string, problems: Problems): Write | undefined {
  const { space, key, ops } = entry
  if (has(entry, 'create'))
    return { kind: 'create', space, key, value: graphBytesOf(entry.create, valueName, problems) }
  if (entry.delete !== undefined) return { kind: 'delete', space, key, birth: 0 }
  if (ops === undefined) return undefined
  return { kind: 'change', space, key, birth: 0, delta: deltaOf(ops, `${name}.ops`, problems) }
}

/** Empty when the value can't be shared. */
function graphBytesOf(plain: unknown, name: string, problems: Problems): Uint8Array {
  try {
    return encodeGraph(graphOf(plain, name))
  } catch (error) {
    if (!(error instanceof NotShareableError)) throw error
    problems.addUnshareable(error.fields)
    return new Uint8Array()
  }
}
