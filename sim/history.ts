import { assert, must } from '../core/lib/assert.ts'
import type { RefusalCode } from '../core/refusal.ts'
import type { Index } from '../core/wire/ids.ts'
import type { WorkDocument } from './work-document.ts'

/** What a change of one document is bound to besides its name. */
interface Bound {
  readonly space: string
  readonly key: string
  /** The birth that the document must have; undefined: whichever is there. */
  readonly birth?: Index | undefined
  /** The operation of the same client, unresolved when this one was invoked, that must have been executed. */
  readonly after?: number | undefined
}

/** An account as the one who moves money has seen it. */
export interface SeenAccount {
  readonly key: string
  readonly version: Index
  readonly n: number
}

/** What an account is to hold. */
export interface Balance {
  readonly key: string
  readonly n: number
}

/** What a simulated client asks for. Tags (`by`) and elements are unique in a run. */
export type Action =
  | { readonly f: 'read'; readonly space: string; readonly key: string }
  | { readonly f: 'list'; readonly space: string; readonly after: string | undefined; readonly limit: number }
  | { readonly f: 'create'; readonly space: string; readonly key: string; readonly value: WorkDocument }
  | (Bound & { readonly f: 'write'; readonly n: number; readonly by: string })
  /** A write that is refused `CONFLICT` unless the document still has this version. */
  | (Bound & { readonly f: 'cas'; readonly version: Index; readonly n: number; readonly by: string })
  | (Bound & { readonly f: 'append'; readonly element: string })
  /** Adds to the number; its result is the sum. */
  | (Bound & { readonly f: 'increment'; readonly amount: number; readonly by: string })
  /**
   * A tag is set before the document goes, in the same transaction; without one the log alone can't tell whose delete
   * it was.
   */
  | (Bound & { readonly f: 'delete'; readonly by: string | undefined })
  /** Creates all accounts at once. */
  | { readonly f: 'open'; readonly space: string; readonly balances: readonly Balance[]; readonly by: string }
  /**
   * Moves money between accounts; refused `CONFLICT` unless all that were seen are as they were. One that has seen them
   * all is a count of all balances at one moment.
   */
  | {
      readonly f: 'transfer'
      readonly space: string
      readonly seen: readonly SeenAccount[]
      readonly moves: readonly Balance[]
      readonly by: string
    }

export type Observation =
  /** `sum`: the result of an increment. */
  | { readonly kind: 'executed'; readonly index: Index; readonly sum?: number | undefined }
  | { readonly kind: 'absent'; readonly index: Index }
  | {
      readonly kind: 'document'
      readonly index: Index
      readonly birth: Index
      readonly version: Index
      readonly value: WorkDocument
    }
  | {
      readonly kind: 'listing'
      readonly index: Index
      readonly version: Index
      readonly keys: readonly string[]
      readonly more: boolean
    }

/**
 * How an operation ended. `fail`: it certainly had no effect; `index` is where the log says so. `info`: nobody knows.
 */
export type Ending =
  | { readonly type: 'ok'; readonly observed: Observation }
  | { readonly type: 'fail'; readonly code: RefusalCode; readonly index: Index | undefined }
  | { readonly type: 'info'; readonly reason: string }

export interface Operation {
  readonly id: number
  /** The session whose guarantees hold: one client machine from its start to its end. */
  readonly client: number
  /** Jepsen's name for a thread of operations, one at a time; replaced after every `info`. */
  readonly process: number
  readonly action: Action
  readonly invokedUs: number
  /** When it ended; undefined while it is under way, which counts as `info`. */
  endedUs: number | undefined
  ending: Ending | undefined
}

/**
 * What clients asked and what they were told, in the order in which it happened.
 * Invariant: a worker has one operation at a time, and a process number that was retired by an `info` is never used
 * again.
 */
export class History {
  readonly #operations: Operation[] = []
  /** The operation's id for its beginning, `-1 - id` for its end. */
  readonly #events: number[] = []
  readonly #processes: number[]
  readonly #busy: boolean[]

  /** `workers`: how many operations can be under way at once in the whole world. */
  constructor(workers: number) {
    this.#processes = Array.from({ length: workers }, (_, worker) => worker)
    this.#busy = this.#processes.map(() => false)
  }

  /** In order of invocation; an operation's id is its position. */
  get operations(): readonly Operation[] {
    return this.#operations
  }

  /** Notes the beginning of an operation; returns its id. */
  invoke(worker: number, client: number, action: Action, atUs: number): number {
    assert(this.#busy[worker] === false, () => `worker ${worker} has an operation under way`)
    const id = this.#operations.length
    const process = must(this.#processes[worker], 'a worker has a process')
    this.#busy[worker] = true
    this.#operations.push({ id, client, process, action, invokedUs: atUs, endedUs: undefined, ending: undefined })
    this.#events.push(id)
    return id
  }

  /** Notes how it ended. */
  end(id: number, atUs: number, ending: Ending): void {
    const operation = must(this.#operations[id], 'only what began can end')
    assert(operation.ending === undefined && atUs >= operation.invokedUs, () => `operation ${id} can't end now`)
    const worker = operation.process % this.#processes.length
    operation.ending = ending
    operation.endedUs = atUs
    this.#busy[worker] = false
    if (ending.type === 'info') this.#processes[worker] = operation.process + this.#processes.length
    this.#events.push(-1 - id)
  }

  /** Every beginning and end in order. */
  *events(): Generator<{ readonly operation: Operation; readonly begins: boolean }> {
    for (const event of this.#events) {
      const id = event >= 0 ? event : -1 - event
      yield { operation: must(this.#operations[id], 'an event has its operation'), begins: event >= 0 }
    }
  }

  /**
   * The history as JSON lines in Jepsen's terms, for checkers that are not ours. Times are nanoseconds of virtual time.
   */
  *jsonLines(): Generator<string> {
    let index = 0
    for (const { operation, begins } of this.events()) yield JSON.stringify(lineOf(operation, begins, index++))
  }
}

/** A value is told up to here; some are large. */
const describedMax = 300

/** One operation in words, for a report. */
export function describeOperation(operation: Operation): string {
  const { f, space } = operation.action
  const key = 'key' in operation.action ? `/${operation.action.key}` : ''
  const what = JSON.stringify(invokedValue(operation.action) ?? null).slice(0, describedMax)
  const until = operation.endedUs === undefined ? 'never ended' : `${operation.endedUs}`
  const { id, process, invokedUs } = operation
  return `operation ${id} (${f} ${space}${key} ${what}, process ${process}, ${invokedUs} to ${until} us)`
}

/** The unique text by which the operation's entry and effects are known; undefined when it has none. */
export function tagOf(action: Action): string | undefined {
  switch (action.f) {
    case 'create':
      return action.value.by
    case 'append':
      return action.element
    case 'write':
    case 'cas':
    case 'increment':
    case 'delete':
    case 'open':
    case 'transfer':
      return action.by
    case 'read':
    case 'list':
      return undefined
  }
}

/** A document's name as one text. */
export function placeOf({ space, key }: { readonly space: string; readonly key: string }): string {
  return JSON.stringify([space, key])
}

/** The documents that the action changes, or the one that it reads. */
export function placesOf(action: Action): readonly string[] {
  if ('key' in action) return [placeOf(action)]
  return keysChanged(action).map((key) => placeOf({ space: action.space, key }))
}

function keysChanged(action: Action): readonly string[] {
  if (action.f === 'open') return action.balances.map(({ key }) => key)
  return action.f === 'transfer' ? action.moves.map(({ key }) => key) : []
}

/** Whether the action changes anything when it is executed. */
export function changes(action: Action): boolean {
  return action.f !== 'read' && action.f !== 'list'
}

function lineOf(operation: Operation, begins: boolean, index: number): object {
  const { action, ending, process } = operation
  const timeUs = begins ? operation.invokedUs : (operation.endedUs ?? operation.invokedUs)
  return {
    index,
    time: timeUs * 1000,
    type: begins || ending === undefined ? 'invoke' : ending.type,
    process,
    f: action.f,
    space: action.space,
    key: 'key' in action ? action.key : null,
    value: (begins ? invokedValue(action) : endedValue(operation)) ?? null,
    ...(begins ? {} : endDetails(ending)),
  }
}

function invokedValue(action: Action): unknown {
  switch (action.f) {
    case 'create':
      return action.value
    case 'write':
      return { n: action.n, by: action.by }
    case 'cas':
      return [action.version, { n: action.n, by: action.by }]
    case 'append':
      return action.element
    case 'increment':
      return { add: action.amount, by: action.by }
    case 'delete':
      return action.by
    case 'open':
      return { balances: action.balances, by: action.by }
    case 'transfer':
      return { seen: action.seen, moves: action.moves, by: action.by }
    case 'list':
      return { after: action.after ?? null, limit: action.limit }
    case 'read':
      return undefined
  }
}

function endedValue({ action, ending }: Operation): unknown {
  if (ending?.type !== 'ok') return invokedValue(action)
  switch (ending.observed.kind) {
    case 'document':
      return ending.observed.value
    case 'listing':
      return ending.observed.keys
    case 'absent':
      return undefined
    case 'executed':
      return ending.observed.sum ?? invokedValue(action)
  }
}

function endDetails(ending: Ending | undefined): object {
  switch (ending?.type) {
    case 'ok':
      return 'version' in ending.observed
        ? { log: ending.observed.index, version: ending.observed.version }
        : { log: ending.observed.index }
    case 'fail':
      return { error: ending.code, log: ending.index ?? null }
    case 'info':
      return { error: ending.reason }
    case undefined:
      return {}
  }
}
