import { unreachable } from '../../core/lib/assert.ts'
import type { Index } from '../../core/wire/ids.ts'
import type { Operation } from '../history.ts'
import { sameWorkDocument, type WorkDocument } from '../work-document.ts'

/** One document, or its absence. Equal states are the same object, and have a number of their own. */
export interface KeyState {
  readonly id: number
  readonly value: WorkDocument | undefined
  /**
   * Index of the change that made it; if nobody was told that index, minus one minus the operation's id; 0 when absent.
   */
  readonly version: number
  /** Index of the change that created it, told or not as for the version. */
  readonly birth: number
}

/** What one operation does to one document, judged by what its client saw. */
export class RegisterModel {
  readonly initial: KeyState
  readonly #states = new Map<string, KeyState>()
  /** Versions that a client was told its change has. */
  readonly #told = new Set<Index>()

  constructor(operations: readonly Operation[]) {
    this.initial = this.#state(undefined, 0, 0)
    for (const { action, ending } of operations)
      if (action.f !== 'read' && ending?.type === 'ok') this.#told.add(ending.observed.index)
  }

  /** The state behind the operation; undefined when it can't have been seen, or done, in this state. */
  step(state: KeyState, operation: Operation): KeyState | undefined {
    const { ending } = operation
    if (ending?.type === 'fail') return this.#isRefused(state, operation, ending.code) ? state : undefined
    if (operation.action.f === 'read') return this.#isSeen(state, operation) ? state : undefined
    return this.#changed(state, operation)
  }

  #isSeen({ value }: KeyState, { ending }: Operation): boolean {
    if (ending?.type !== 'ok') return false
    if (ending.observed.kind !== 'document') return value === undefined && ending.observed.kind === 'absent'
    return value !== undefined && sameWorkDocument(value, ending.observed.value)
  }

  #isRefused({ value, version, birth }: KeyState, { action }: Operation, code: string): boolean {
    if (code === 'CONFLICT') return action.f === 'cas' && version !== action.version
    if (code === 'EXISTS') return value !== undefined
    const named = 'birth' in action ? action.birth : undefined
    return value === undefined || (named !== undefined && birth !== named)
  }

  #changed({ value, version, birth }: KeyState, operation: Operation): KeyState | undefined {
    const { action, ending, id } = operation
    const after = ending?.type === 'ok' ? ending.observed.index : -1 - id
    if (action.f === 'create') return value === undefined ? this.#state(action.value, after, after) : undefined
    if (value === undefined) return undefined
    if ('birth' in action && action.birth !== undefined && !this.#mayBe(birth, action.birth)) return undefined
    switch (action.f) {
      case 'write':
        return this.#state({ ...value, n: action.n, by: action.by }, after, birth)
      case 'cas':
        if (!this.#mayBe(version, action.version)) return undefined
        return this.#state({ ...value, n: action.n, by: action.by }, after, birth)
      case 'append':
        return this.#state({ ...value, list: [...value.list, action.element] }, after, birth)
      case 'increment': {
        const n = value.n + action.amount
        if (ending?.type === 'ok' && ending.observed.kind === 'executed' && ending.observed.sum !== n) return undefined
        return this.#state({ ...value, n, by: action.by }, after, birth)
      }
      case 'delete':
        return this.#state(undefined, 0, 0)
      case 'read':
      case 'list':
      case 'open':
      case 'transfer':
        return undefined
      default:
        return unreachable(action)
    }
  }

  /** A change of unknown result may have any index but one that another client was told. */
  #mayBe(version: number, expected: Index): boolean {
    return version >= 0 ? version === expected : !this.#told.has(expected)
  }

  #state(value: WorkDocument | undefined, version: number, birth: number): KeyState {
    const name = value === undefined ? '' : JSON.stringify([version, birth, value.n, value.by, value.list])
    let state = this.#states.get(name)
    if (state === undefined) {
      state = { id: this.#states.size, value, version, birth }
      this.#states.set(name, state)
    }
    return state
  }
}
