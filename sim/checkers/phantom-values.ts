import { describeOperation, type History, type Operation, placeOf, tagOf } from '../history.ts'
import { Findings } from './findings.ts'
import type { CheckResult } from './types.ts'

/** The document for which a tag or element was made, when, and the number that goes with a tag. */
interface Origin {
  readonly place: string
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
    for (const text of [by, ...list])
      findings.expect(
        isVisible(origins.get(text), operation),
        () => `${describeOperation(operation)} read ${text}, which nobody had written there`,
      )
    const written = origins.get(by)?.n
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

function originsOf(history: History): Map<string, Origin> {
  const origins = new Map<string, Origin>()
  for (const { action, invokedUs } of history.operations) {
    const tag = tagOf(action)
    if (tag === undefined || !('key' in action)) continue
    const place = placeOf(action)
    const n = action.f === 'create' ? action.value.n : action.f === 'write' || action.f === 'cas' ? action.n : undefined
    origins.set(tag, { place, n, invokedUs })
    if (action.f === 'create')
      for (const element of action.value.list) origins.set(element, { place, n: undefined, invokedUs })
  }
  return origins
}

function isVisible(origin: Origin | undefined, { action, endedUs }: Operation): boolean {
  if (origin === undefined || endedUs === undefined || !('key' in action)) return false
  return origin.place === placeOf(action) && origin.invokedUs <= endedUs
}
