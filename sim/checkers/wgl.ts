import { must } from '../../core/lib/assert.ts'
import { describeOperation, type History, type Operation, placeOf } from '../history.ts'
import { Findings } from './findings.ts'
import { type KeyState, RegisterModel } from './register-model.ts'
import type { CheckResult } from './types.ts'

export interface SearchResult extends Omit<CheckResult, 'undecided'> {
  /** `unknown`: no violation was found, but the search of some documents ended before it was complete. */
  readonly verdict: 'ok' | 'violated' | 'unknown'
  /** Documents whose search was given up. */
  readonly undecided: readonly string[]
  /** Operations on the documents whose search came to an end. */
  readonly operations: number
}

/** Enough for some thousand operations of five to ten clients; more concurrency costs exponentially more. */
const stepsMaxDefault = 500_000

/**
 * Linearizability by search, as Wing and Gong have it, with Lowe's list and a memory of what was tried: one document at
 * a time, by what clients saw alone. It trusts no index but as a name of a version, and so judges the log that the
 * other check relies on.
 * Not here: listings, which concern many documents.
 */
export function checkBySearch(input: {
  readonly history: History
  /** Which documents to search; undefined: all. */
  readonly places?: ReadonlySet<string> | undefined
  readonly stepsMax?: number | undefined
}): SearchResult {
  const findings = new Findings('wgl')
  const undecided: string[] = []
  let decided = 0
  for (const [place, operations] of byPlace(input.history)) {
    if (input.places?.has(place) === false) continue
    const search = new Search(operations, input.stepsMax ?? stepsMaxDefault)
    const verdict = search.run()
    if (verdict === 'unknown') undecided.push(place)
    else decided += operations.length
    findings.expect(verdict !== 'violated', () => `no order explains ${place}: ${search.blockedBy()}`)
  }
  const result = findings.result()
  const open = undecided.length > 0 ? 'unknown' : 'ok'
  return { ...result, undecided, operations: decided, verdict: result.violations.length > 0 ? 'violated' : open }
}

/** Operations that took part, by document, each list in order of invocation. */
function byPlace(history: History): Map<string, Operation[]> {
  const places = new Map<string, Operation[]>()
  for (const whole of history.operations) {
    if (!takesPart(whole)) continue
    for (const operation of partsOf(whole)) {
      if (!('key' in operation.action)) continue
      const place = placeOf(operation.action)
      const others = places.get(place)
      if (others === undefined) places.set(place, [operation])
      else others.push(operation)
    }
  }
  return places
}

/**
 * What an operation does to each document it changes, as if it were about that one alone: an order of the whole is one
 * of each. One of several documents that was refused says of none of them that it was the reason.
 */
function partsOf(operation: Operation): readonly Operation[] {
  const { action, ending } = operation
  if (action.f !== 'open' && action.f !== 'transfer') return [operation]
  if (ending?.type === 'fail') return []
  const { space, by } = action
  if (action.f === 'open')
    return action.balances.map(({ key, n }) => ({
      ...operation,
      action: { f: 'create', space, key, value: { n, by, list: [] } },
    }))
  return action.moves.map(({ key, n }) => {
    const { version } = must(
      action.seen.find((account) => account.key === key),
      'only what was seen is moved',
    )
    return { ...operation, action: { f: 'cas', space, key, version, n, by } }
  })
}

/** What failed elsewhere than in the log says nothing about the document, nor does a read that was not answered. */
function takesPart({ action, ending }: Operation): boolean {
  if (ending?.type === 'fail') return ending.index !== undefined && ['CONFLICT', 'EXISTS', 'GONE'].includes(ending.code)
  return action.f !== 'read' || ending?.type === 'ok'
}

function mustHappen({ ending }: Operation): boolean {
  return ending !== undefined && ending.type !== 'info'
}

/** The beginning or the end of an operation, in a list from which what is placed is taken out. */
class Moment {
  readonly position: number
  readonly begins: boolean
  readonly atUs: number
  previous: Moment = this
  following: Moment = this

  constructor(position: number, begins: boolean, atUs: number) {
    this.position = position
    this.begins = begins
    this.atUs = atUs
  }
}

/**
 * The search of one document.
 * Invariant: the list holds the moments of all operations that have no place yet, in order of time.
 */
class Search {
  readonly #operations: readonly Operation[]
  readonly #model: RegisterModel
  readonly #head: Moment
  readonly #begins: readonly Moment[]
  readonly #ends: readonly (Moment | undefined)[]
  readonly #placed: boolean[]
  readonly #stack: { readonly position: number; readonly before: KeyState }[] = []
  readonly #tried = new Set<string>()
  readonly #stepsMax: number
  /** How many operations may or may not have happened: they are the first ones. */
  readonly #optional: number
  /** Operations that must happen and have no place yet. */
  #open: number
  /** All before this one, but for the optional ones, have their place. */
  #settled: number
  #deepest = 0
  #blocked: Operation | undefined

  constructor(inOrder: readonly Operation[], stepsMax: number) {
    const optional = inOrder.filter((operation) => !mustHappen(operation))
    const operations = [...optional, ...inOrder.filter(mustHappen)]
    this.#operations = operations
    this.#stepsMax = stepsMax
    this.#model = new RegisterModel(operations)
    this.#placed = operations.map(() => false)
    this.#optional = optional.length
    this.#settled = optional.length
    this.#open = operations.length - optional.length
    const moments = momentsOf(operations)
    this.#head = linked(moments)
    this.#begins = moments.filter((moment) => moment.begins).sort((a, b) => a.position - b.position)
    const ends: (Moment | undefined)[] = operations.map(() => undefined)
    for (const moment of moments) if (!moment.begins) ends[moment.position] = moment
    this.#ends = ends
  }

  run(): 'ok' | 'violated' | 'unknown' {
    let state = this.#model.initial
    let moment = this.#head.following
    for (let steps = 0; this.#open > 0; steps++) {
      if (steps >= this.#stepsMax) return 'unknown'
      if (moment.begins) {
        const after = this.#try(moment.position, state)
        if (after === undefined) moment = moment.following
        else {
          state = after
          moment = this.#head.following
        }
        continue
      }
      this.#noteBlocked(moment.position)
      const last = this.#stack.pop()
      if (last === undefined) return 'violated'
      this.#putBack(last.position)
      state = last.before
      moment = must(this.#begins[last.position], 'an operation begins').following
    }
    return 'ok'
  }

  /** How far the search came, in words. */
  blockedBy(): string {
    const blocked = this.#blocked === undefined ? 'nothing' : describeOperation(this.#blocked)
    return `at best ${this.#deepest} of ${this.#operations.length} operations have a place before ${blocked}`
  }

  /** Gives an operation the next place if it fits there and that was not tried before; returns the state behind it. */
  #try(position: number, state: KeyState): KeyState | undefined {
    const after = this.#model.step(state, must(this.#operations[position], 'a moment has its operation'))
    if (after === undefined) return undefined
    this.#take(position)
    const name = `${this.#placedName()}:${after.id}`
    if (this.#tried.has(name)) {
      this.#putBack(position)
      return undefined
    }
    this.#tried.add(name)
    this.#stack.push({ position, before: state })
    return after
  }

  #take(position: number): void {
    this.#placed[position] = true
    if (mustHappen(must(this.#operations[position], 'a moment has its operation'))) this.#open--
    const begins = must(this.#begins[position], 'an operation begins')
    begins.previous.following = begins.following
    begins.following.previous = begins.previous
    const ends = this.#ends[position]
    if (ends === undefined) return
    ends.previous.following = ends.following
    ends.following.previous = ends.previous
  }

  /** Undoes `take`: the moments know where they were. The last one taken out goes back first. */
  #putBack(position: number): void {
    this.#placed[position] = false
    if (mustHappen(must(this.#operations[position], 'a moment has its operation'))) this.#open++
    if (position >= this.#optional && position < this.#settled) this.#settled = position
    const ends = this.#ends[position]
    if (ends !== undefined) {
      ends.previous.following = ends
      ends.following.previous = ends
    }
    const begins = must(this.#begins[position], 'an operation begins')
    begins.previous.following = begins
    begins.following.previous = begins
  }

  /**
   * The set of placed operations as a short text: how many that must happen, without a gap, then the others one by one.
   */
  #placedName(): string {
    while (this.#placed[this.#settled] === true) this.#settled++
    let name = `${this.#settled}`
    let left = this.#stack.length + 1 - (this.#settled - this.#optional)
    for (let i = 0; i < this.#optional; i++) {
      if (this.#placed[i] !== true) continue
      name += `,${i}`
      left--
    }
    for (let i = this.#settled; left > 0; i++) {
      if (this.#placed[i] !== true) continue
      name += `,${i}`
      left--
    }
    return name
  }

  #noteBlocked(position: number): void {
    if (this.#stack.length < this.#deepest && this.#blocked !== undefined) return
    this.#deepest = this.#stack.length
    this.#blocked = this.#operations[position]
  }
}

/** All moments in order of time; at one time beginnings come first, since operations that touch are concurrent. */
function momentsOf(operations: readonly Operation[]): Moment[] {
  const moments: Moment[] = []
  operations.forEach((operation, position) => {
    moments.push(new Moment(position, true, operation.invokedUs))
    if (mustHappen(operation)) moments.push(new Moment(position, false, must(operation.endedUs, 'it ended')))
  })
  return moments.sort((a, b) => a.atUs - b.atUs || Number(b.begins) - Number(a.begins) || a.position - b.position)
}

/** Joins the moments into a ring and returns its head, which is none of them. */
function linked(moments: readonly Moment[]): Moment {
  const head = new Moment(-1, false, -1)
  let previous = head
  for (const moment of moments) {
    previous.following = moment
    moment.previous = previous
    previous = moment
  }
  previous.following = head
  head.previous = previous
  return head
}
