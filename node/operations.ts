import { unreachable } from '../core/lib/assert.ts'
import { encodeDelta, operationKinds } from '../core/wire/delta-codec.ts'
import type { Atom, NewRef, Operation } from '../core/wire/value.ts'
import { NotShareableError } from './errors.ts'
import { PlainSharer } from './plain-values.ts'
import { isCount, isObject, type Problems, shown } from './problems.ts'

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

/** A plain operation is called like the one that it becomes; a root is replaced by a `set` without a path. */
const operationNames: readonly PlainOperation['op'][] = operationKinds.filter((kind) => kind !== 'replace-root')

/** The encoded delta of operations that are called `name` in `problems`, where all that is wrong with them goes. */
export function deltaOf(ops: unknown, name: string, problems: Problems): Uint8Array {
  if (!Array.isArray(ops)) {
    problems.add(`${name} is ${shown(ops)}; it must be a list`)
    return new Uint8Array()
  }
  const sharer = new PlainSharer<NewRef>((position) => ({ kind: 'new', position }))
  const operations: Operation[] = []
  for (const [at, op] of ops.entries()) {
    const operation = new OperationReader(sharer, `${name}[${at}]`, problems).read(op)
    if (operation !== undefined) operations.push(operation)
  }
  try {
    sharer.finish()
  } catch (error) {
    if (!(error instanceof NotShareableError)) throw error
    problems.addUnshareable(error.fields)
  }
  return encodeDelta({ nodes: sharer.nodes, operations })
}

/** Whether something is an operation that means positions of an array. */
export function isPositional(op: unknown): op is PlainOperation {
  return isOperation(op) && (op.op === 'splice' || op.op === 'assign' || op.op === 'set-length')
}

function isOperation(op: unknown): op is PlainOperation {
  if (!isObject(op)) return false
  const called: unknown = Reflect.get(op, 'op')
  return operationNames.some((each) => each === called)
}

/** Reads one plain operation, whose parts are called by `name` in problems. What is wrong is read as something else. */
class OperationReader {
  readonly #sharer: PlainSharer<NewRef>
  readonly #name: string
  readonly #problems: Problems

  constructor(sharer: PlainSharer<NewRef>, name: string, problems: Problems) {
    this.#sharer = sharer
    this.#name = name
    this.#problems = problems
  }

  read(op: unknown): Operation | undefined {
    if (!isObject(op)) {
      this.#problem(` is ${shown(op)}; it must be an object with op and path`)
      return undefined
    }
    if (!isOperation(op)) {
      this.#problem(`.op is ${shown(Reflect.get(op, 'op'))}: unknown op; accepted are ${operationNames.join(', ')}`)
      return undefined
    }
    return this.#operation(op, this.#path(op.path))
  }

  #operation(op: PlainOperation, path: readonly Atom[]): Operation {
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
        return { kind: 'take', node: 'root', path, end: this.#end(op.end) }
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
        return unreachable(op)
    }
  }

  #problem(text: string): void {
    this.#problems.add(`${this.#name}${text}`)
  }

  #path(path: unknown): readonly Atom[] {
    if (Array.isArray(path)) return Array.from(path, (step, at) => this.#sharer.atom(step, `${this.#name}.path[${at}]`))
    this.#problem(
      path === undefined ? '.path is missing; it must be a list' : `.path is ${shown(path)}; it must be a list`,
    )
    return ['']
  }

  #value(plain: unknown, part = 'value') {
    return this.#sharer.share(plain, `${this.#name}.${part}`)
  }

  #values(values: unknown) {
    if (Array.isArray(values)) return Array.from(values, (value: unknown, at) => this.#value(value, `values[${at}]`))
    this.#problem(`.values is ${shown(values)}; it must be a list`)
    return []
  }

  /** The record and the field that a path ends with. */
  #field(path: readonly Atom[]) {
    const { key, ...target } = this.#last(path)
    if (typeof key === 'string') return { ...target, name: key }
    this.#problem(
      `.path ends with ${shown(key)}, not with the name of a field: ` +
        'use assign for an item of an array, map-set for a Map',
    )
    return { ...target, name: '' }
  }

  #last(path: readonly Atom[]) {
    const key = path.length === 0 ? '' : path.at(-1)
    if (path.length === 0) this.#problem('.path is empty; it must end with a field')
    return { node: 'root' as const, path: path.slice(0, -1), key }
  }

  #amount(by: unknown): number | bigint {
    if (by === undefined) return 1
    if (typeof by === 'bigint' || (typeof by === 'number' && Number.isFinite(by))) return by
    this.#problem(`.by is ${shown(by)}; it must be a finite number or a bigint`)
    return 1
  }

  #end(end: unknown): 'front' | 'back' {
    if (end === undefined || end === 'front') return 'front'
    if (end !== 'back') this.#problem(`.end is ${shown(end)}; accepted are front and back`)
    return 'back'
  }

  #count(count: unknown, part: string): number {
    if (isCount(count)) return count
    this.#problem(`.${part} is ${shown(count)}; it must be a whole number from 0`)
    return 0
  }
}

const root = { node: 'root', path: [] } as const
