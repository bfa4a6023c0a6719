import { type Action, describeOperation, type History, type Operation, placeOf, placesOf, tagOf } from '../history.ts'
import { Findings } from './findings.ts'
import type { CheckResult } from './types.ts'

/** When a tag or element was made for a document, and the number that goes with a tag there. */
interface Origin {
  readonly n: number | undefined
  readonly invokedUs: number
}

/**
 * Nothing is read that nobody wrote: every number, tag and element comes from an operation invoked on that very
 * document before the read ended; a number and its tag come from the same operation, as they are always written
 * together; no element is there twice.
 */
export function checkPhantomValues(history: History): CheckResult {
  const findings = new Findings('phantom-values')
  const origins = originsOf(history)
  for (const operation of history.operations) {
    const { ending } = operation
    if (ending?.type !== 'ok' || ending.observed.kind !== 'document') continue
    const { n, by, list } = ending.observed.value
    const place = placesOf(operation.action)[0] ?? ''
    for (const text of [by, ...list])
      findings.expect(
        isVisible(origins.get(place + text), operation),
        () => `${describeOperation(operation)} read ${text}, which nobody had written there`,
      )
    const written = origins.get(place + by)?.n
    findings.expect(
      written === undefined || Object.is(written, n),
      () => `${describeOperation(operation)} read ${n}, but ${by} wrote ${written}`,
    )
    findings.expect(
      new Set(list).size === list.length,
      () => `${describeOperation(operation)} read an element twice: ${list.join(' ')}`,
    )
  }
  return findings.result()
}

/** By the document's name and the text. */
function originsOf(history: History): Map<string, Origin> {
  const origins = new Map<string, Origin>()
  for (const { action, ending, invokedUs } of history.operations) {
    const tag = tagOf(action)
    if (tag === undefined) continue
    const sum = ending?.type === 'ok' && ending.observed.kind === 'executed' ? ending.observed.sum : undefined
    for (const place of placesOf(action)) origins.set(place + tag, { n: sum ?? numberAt(action, place), invokedUs })
    if (action.f === 'create')
      for (const element of action.value.list) origins.set(placeOf(action) + element, { n: undefined, invokedUs })
  }
  return origins
}

/** The number that the action sets there, where it alone says which. */
function numberAt(action: Action, place: string): number | undefined {
  switch (action.f) {
    case 'create':
      return action.value.n
    case 'write':
    case 'cas':
      return action.n
    case 'open':
      return action.balances.find(({ key }) => placeOf({ space: action.space, key }) === place)?.n
    case 'transfer':
      return action.moves.find(({ key }) => placeOf({ space: action.space, key }) === place)?.n
    default:
      return undefined
  }
}

function isVisible(origin: Origin | undefined, { endedUs }: Operation): boolean {
  return origin !== undefined && endedUs !== undefined && origin.invokedUs <= endedUs
}
