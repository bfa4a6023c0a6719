import { changes, describeOperation, type History, placeOf, placesOf } from '../history.ts'
import { sameWorkDocument } from '../work-document.ts'
import { Findings } from './findings.ts'
import { Model, type ModelDocument, type ModelLimits } from './model.ts'
import type { CheckResult, CommittedEntry, FinalState, HeldDocument } from './types.ts'

/**
 * Nothing acknowledged is lost: every acknowledged change lies at its index in the final log, every live server has
 * applied that far, and holds exactly the documents that the log makes up to there.
 */
export function checkDurability(input: {
  readonly history: History
  readonly log: readonly CommittedEntry[]
  readonly finalStates: readonly FinalState[]
  readonly limits?: ModelLimits | undefined
}): CheckResult {
  const findings = new Findings('durability')
  const newest = checkAcknowledged(findings, input.history, input.log, new Model(input.limits))
  const model = new Model(input.limits)
  for (const state of [...input.finalStates].sort((a, b) => a.appliedIndex - b.appliedIndex)) {
    findings.expect(
      state.appliedIndex >= newest && state.appliedIndex <= input.log.length,
      () =>
        `${state.server} applied ${state.appliedIndex}; the log has ${input.log.length}, acknowledged are ${newest}`,
    )
    for (const entry of input.log.slice(model.index, state.appliedIndex)) model.apply(entry)
    compare(findings, state, model.documents())
  }
  return findings.result()
}

/** Compares acknowledged changes with the log; returns the highest index acknowledged. */
function checkAcknowledged(findings: Findings, history: History, log: readonly CommittedEntry[], model: Model): number {
  const executed = new Map<number, ReadonlySet<string>>()
  for (const entry of log) {
    const effect = model.apply(entry)
    if (effect.kind !== 'request' || effect.outcome.kind !== 'executed' || effect.body.kind === 'cancel') continue
    executed.set(effect.index, new Set(effect.body.writes.map(placeOf)))
  }
  let newest = 0
  for (const operation of history.operations) {
    const { action, ending } = operation
    if (ending?.type !== 'ok') continue
    newest = Math.max(newest, ending.observed.index)
    if (!changes(action)) continue
    const { index } = ending.observed
    const kept = placesOf(action).every((place) => executed.get(index)?.has(place) === true)
    findings.expect(kept, () => `${describeOperation(operation)} is gone from entry ${index}`)
  }
  return newest
}

function compare(findings: Findings, { server, documents }: FinalState, expected: readonly ModelDocument[]): void {
  const held = new Map(documents.map((document) => [placeOf(document), document]))
  findings.expect(held.size === documents.length, () => `${server} holds a document twice`)
  for (const document of expected) {
    const place = placeOf(document)
    const found = held.get(place)
    findings.expect(
      found !== undefined && same(found, document),
      () => `${server} holds ${place} as ${JSON.stringify(found)}, not as ${JSON.stringify(document)}`,
    )
    held.delete(place)
  }
  for (const place of held.keys()) findings.violate(`${server} holds ${place}, which the log does not`)
}

function same(a: HeldDocument, b: ModelDocument): boolean {
  return a.birth === b.birth && a.version === b.version && sameWorkDocument(a.value, b.value)
}
