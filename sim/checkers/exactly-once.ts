import { describeOperation, type History, type Operation, placeOf } from '../history.ts'
import { Findings } from './findings.ts'
import type { AppliedRequest, CheckResult, FinalState, HeldDocument } from './types.ts'

/**
 * A request takes effect at most once, and does if that was promised. Two ways to see it: what servers say they
 * executed names no request at two indexes; and in what they hold in the end, every acknowledged element is in its list
 * once, one of an operation that failed is not there, and one with an unknown result is there at most once.
 * A document that someone asked to delete may have lost its elements, so there only doubles and failed ones count.
 */
export function checkExactlyOnce(input: {
  readonly history: History
  readonly applied: readonly AppliedRequest[]
  readonly finalStates: readonly FinalState[]
}): CheckResult {
  const findings = new Findings('exactly-once')
  checkApplied(findings, input.applied)
  const deleted = deletedPlaces(input.history)
  for (const state of input.finalStates) {
    const counts = elementCounts(state.documents)
    for (const operation of input.history.operations) checkElements(findings, operation, state.server, counts, deleted)
  }
  return findings.result()
}

/** Every server must have given a request the same one index. */
function checkApplied(findings: Findings, applied: readonly AppliedRequest[]): void {
  const indexes = new Map<string, number>()
  for (const { server, index, client, number } of applied) {
    const request = `${client}/${number}`
    const known = indexes.get(request)
    if (known === undefined) indexes.set(request, index)
    findings.expect(
      known === undefined || known === index,
      () => `request ${number} of client ${client} took effect at ${known} and, on ${server}, at ${index}`,
    )
  }
}

function checkElements(
  findings: Findings,
  operation: Operation,
  server: string,
  counts: ReadonlyMap<string, number>,
  deleted: ReadonlySet<string>,
): void {
  const { action, ending } = operation
  if (action.f !== 'append' && action.f !== 'create') return
  const elements = action.f === 'append' ? [action.element] : action.value.list
  const place = placeOf(action)
  const least = ending?.type === 'ok' && !deleted.has(place) ? 1 : 0
  const most = ending?.type === 'fail' ? 0 : 1
  for (const element of elements) {
    const count = counts.get(`${place}${element}`) ?? 0
    findings.expect(
      count >= least && count <= most,
      () =>
        `${server} holds ${element} ${count} times after ${describeOperation(operation)}, which was ${ending?.type}`,
    )
  }
}

function elementCounts(documents: readonly HeldDocument[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const document of documents) {
    for (const element of document.value.list) {
      const name = `${placeOf(document)}${element}`
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return counts
}

/** Documents that an operation may have deleted. */
function deletedPlaces(history: History): Set<string> {
  const places = new Set<string>()
  for (const { action, ending } of history.operations)
    if (action.f === 'delete' && ending?.type !== 'fail') places.add(placeOf(action))
  return places
}
