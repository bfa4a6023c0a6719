import { must } from '../../core/lib/assert.ts'
import type { Write } from '../../core/wire/command.ts'
import type { Index } from '../../core/wire/ids.ts'
import { changes, describeOperation, type History, type Observation, type Operation, tagOf } from '../history.ts'
import { isRequestOf } from '../request-of.ts'
import { decodeWorkChanges, decodeWorkDocument, sameTexts, sameWorkDocument } from '../work-document.ts'
import { Findings } from './findings.ts'
import { Model, type ModelEffect, type ModelLimits } from './model.ts'
import type { CheckResult, CommittedEntry } from './types.ts'

/** A request of the log at the index where it counted. */
type Placement = Extract<ModelEffect, { kind: 'request' }>

/** An operation with its place in the order that the log gives. */
interface Placed {
  readonly operation: Operation
  readonly index: Index
}

/**
 * Linearizability with the committed log as witness. The log orders the operations (a read after the write at its
 * index); replayed on the model it must give every answer that clients saw, and the order must respect real time:
 * nobody is told of the end of an operation before one that stands earlier was invoked. Passing proves linearizability,
 * since an order is exhibited and judged by what clients saw alone. Operations with unknown result take part if the log
 * holds them, and may last forever.
 */
export function checkLinearizableByLog(input: {
  readonly log: readonly CommittedEntry[]
  readonly history: History
  readonly limits?: ModelLimits | undefined
}): CheckResult {
  return new Witness(input.log, input.history, new Model(input.limits)).check()
}

class Witness {
  readonly #findings = new Findings('linearizable-by-log')
  readonly #log: readonly CommittedEntry[]
  readonly #history: History
  readonly #byTag = new Map<string, Placement[]>()
  readonly #byIndex = new Map<Index, Placement>()
  readonly #placed: Placed[] = []
  readonly #model: Model

  constructor(log: readonly CommittedEntry[], history: History, model: Model) {
    this.#log = log
    this.#history = history
    this.#model = model
  }

  check(): CheckResult {
    if (this.#log.some((entry, i) => entry.index !== i + 1)) this.#findings.violate('the log has a gap')
    else {
      this.#replay()
      this.#placeChanges()
      this.#nobodysEntries()
      this.#realTime()
    }
    return this.#findings.result()
  }

  /** Applies the log to the model and compares every read with the state at its index. */
  #replay(): void {
    const reads = this.#readsByIndex()
    const model = this.#model
    for (const read of reads.get(0) ?? []) this.#compareRead(read, model)
    for (const entry of this.#log) {
      const effect = model.apply(entry)
      if (effect.kind === 'foreign') this.#findings.violate(`entry ${entry.index}: ${effect.why}`)
      if (effect.kind === 'request') this.#remember(effect)
      for (const read of reads.get(entry.index) ?? []) this.#compareRead(read, model)
    }
  }

  /** Reads that were answered, by the index of their answer, in order of invocation. */
  #readsByIndex(): Map<Index, Operation[]> {
    const reads = new Map<Index, Operation[]>()
    for (const operation of this.#history.operations) {
      if (changes(operation.action) || operation.ending?.type !== 'ok') continue
      const { index } = operation.ending.observed
      if (index > this.#log.length)
        this.#findings.violate(`${describeOperation(operation)} read at ${index}, beyond the log's end`)
      const others = reads.get(index)
      if (others === undefined) reads.set(index, [operation])
      else others.push(operation)
    }
    return reads
  }

  #compareRead(operation: Operation, model: Model): void {
    const { ending } = operation
    if (ending?.type !== 'ok') return
    const expected = expectedAnswer(operation, model)
    this.#findings.expect(
      sameAnswer(ending.observed, expected),
      () =>
        `${describeOperation(operation)} saw ${JSON.stringify(ending.observed)}, ` +
        `not ${JSON.stringify(expected)} as the log says`,
    )
    this.#placed.push({ operation, index: ending.observed.index })
  }

  #remember(placement: Placement): void {
    this.#byIndex.set(placement.index, placement)
    const tag = placementTag(placement)
    if (tag === undefined) return
    const others = this.#byTag.get(tag)
    if (others === undefined) this.#byTag.set(tag, [placement])
    else others.push(placement)
  }

  #placeChanges(): void {
    for (const operation of this.#history.operations) if (changes(operation.action)) this.#placeChange(operation)
    this.#placed.sort((a, b) => a.index - b.index || orderAtIndex(a) - orderAtIndex(b))
  }

  #placeChange(operation: Operation): void {
    const { ending } = operation
    const tag = tagOf(operation.action)
    const executed = (tag === undefined ? [] : (this.#byTag.get(tag) ?? [])).filter(
      (placement) => placement.outcome.kind === 'executed',
    )
    this.#findings.expect(
      executed.length <= 1,
      () => `${describeOperation(operation)} was executed at ${executed.map((placement) => placement.index)}`,
    )
    const [only] = executed
    if (only !== undefined) this.#comesAfter(operation, only)
    if (ending?.type === 'ok') {
      const { observed } = ending
      this.#placeObserved(
        operation,
        observed.index,
        observed.kind === 'executed' ? executedText(observed.sum) : observed.kind,
      )
    } else if (ending?.type === 'fail') {
      this.#findings.expect(
        only === undefined,
        () => `${describeOperation(operation)} failed with ${ending.code} and was executed at ${only?.index}`,
      )
      if (ending.index !== undefined) this.#placeObserved(operation, ending.index, ending.code)
    } else if (only !== undefined) this.#placed.push({ operation, index: only.index })
  }

  /** What it builds on was executed before it. */
  #comesAfter(operation: Operation, placement: Placement): void {
    const { action } = operation
    const id = action.f !== 'list' && 'after' in action ? action.after : undefined
    if (id === undefined) return
    const earlier = must(this.#history.operations[id], 'an operation that was invoked')
    const tag = tagOf(earlier.action)
    const indexes = (tag === undefined ? [] : (this.#byTag.get(tag) ?? []))
      .filter(({ outcome }) => outcome.kind === 'executed')
      .map(({ index }) => index)
    this.#findings.expect(
      indexes.some((index) => index < placement.index),
      () => `${describeOperation(operation)} was executed at ${placement.index}, without operation ${id} before it`,
    )
  }

  /** The client was told that its operation came to `what` at `index`: the log must say the same. */
  #placeObserved(operation: Operation, index: Index, what: string): void {
    const placement = this.#byIndex.get(index)
    const found = placement === undefined ? 'absent' : outcomeText(placement, operation)
    this.#findings.expect(
      found === what,
      () => `${describeOperation(operation)} was told ${what} at ${index}; there the log makes it ${found}`,
    )
    this.#placed.push({ operation, index })
  }

  /** Every tagged request of the log comes from an operation that someone invoked. */
  #nobodysEntries(): void {
    const tags = new Set<string>()
    for (const { action } of this.#history.operations) {
      const tag = tagOf(action)
      if (tag !== undefined) tags.add(tag)
    }
    for (const [tag, placements] of this.#byTag)
      this.#findings.expect(tags.has(tag), () => `entry ${placements[0]?.index} writes ${tag}, which nobody asked for`)
  }

  /**
   * One sweep from the end: what stands at or behind a place must not have ended before the operation at that place was
   * invoked.
   */
  #realTime(): void {
    let earliest: Placed | undefined
    for (let i = this.#placed.length - 1; i >= 0; i--) {
      const placed = must(this.#placed[i], 'the sweep stays inside')
      if (earliest === undefined || endOf(placed) < endOf(earliest)) earliest = placed
      const first = earliest
      this.#findings.expect(
        placed.operation.invokedUs <= endOf(first),
        () =>
          `${describeOperation(placed.operation)} stands at ${placed.index}, ` +
          `before ${describeOperation(first.operation)} at ${first.index}, which had ended`,
      )
    }
  }
}

/** What the model says about a read now. */
function expectedAnswer({ action }: Operation, model: Model): Observation {
  const { index } = model
  if (action.f === 'list') {
    const { after } = action
    const behind = model.keys(action.space).filter((key) => after === undefined || key > after)
    const keys = behind.slice(0, action.limit)
    return {
      kind: 'listing',
      index,
      version: model.spaceVersion(action.space),
      keys,
      more: behind.length > keys.length,
    }
  }
  const document = 'key' in action ? model.document(action.space, action.key) : undefined
  if (document === undefined) return { kind: 'absent', index }
  const { birth, version, value } = document
  return { kind: 'document', index, birth, version, value }
}

function sameAnswer(a: Observation, b: Observation): boolean {
  if (a.kind === 'document' && b.kind === 'document')
    return a.birth === b.birth && a.version === b.version && sameWorkDocument(a.value, b.value)
  if (a.kind === 'listing' && b.kind === 'listing')
    return a.version === b.version && a.more === b.more && sameTexts(a.keys, b.keys)
  return a.kind === 'absent' && b.kind === 'absent'
}

/** Whether the request is the one that the operation asks for. */
function isOf({ body }: Placement, { action }: Operation): boolean {
  return body.kind === 'transaction' && isRequestOf(body, action)
}

function placementTag({ body }: Placement): string | undefined {
  return body.kind === 'cancel' ? undefined : transactionTag(body.writes)
}

/** The tag that the first tagged write carries. */
function transactionTag(writes: readonly Write[]): string | undefined {
  for (const write of writes) {
    const tag = writeTag(write)
    if (tag !== undefined) return tag
  }
  return undefined
}

function writeTag(write: Write): string | undefined {
  if (write.kind === 'delete') return undefined
  if (write.kind === 'create') return decodeWorkDocument(write.value)?.by
  for (const change of decodeWorkChanges(write.delta) ?? []) {
    if (change.kind === 'set-by') return change.by
    if (change.kind === 'append') return change.elements[0]
  }
  return undefined
}

/** What became of the operation in this entry: `executed`, or the code of its refusal. */
function outcomeText(placement: Placement, operation: Operation): string {
  const { outcome } = placement
  if (outcome.kind === 'cancelled') return 'CANCELLED'
  if (!isOf(placement, operation)) return 'absent'
  return outcome.kind === 'executed' ? executedText(outcome.sum) : outcome.code
}

function executedText(sum: number | undefined): string {
  return sum === undefined ? 'executed' : `executed with ${sum}`
}

/** At one index the entry's own operation comes first, then reads in order of invocation. */
function orderAtIndex({ operation }: Placed): number {
  return changes(operation.action) ? -1 : operation.invokedUs
}

function endOf({ operation }: Placed): number {
  const { ending } = operation
  return ending === undefined || ending.type === 'info' ? Number.POSITIVE_INFINITY : must(operation.endedUs, 'it ended')
}
