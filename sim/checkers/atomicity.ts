import { must } from '../../core/lib/assert.ts'
import { accountKeys, accountSpace, moneyTotal } from '../accounts.ts'
import { describeOperation, type History, type SeenAccount } from '../history.ts'
import { Findings } from './findings.ts'
import { Model, type ModelLimits } from './model.ts'
import type { CheckResult, CommittedEntry, FinalState } from './types.ts'

/**
 * Transactions of several documents happen as a whole: money is moved and never made. All balances are together the
 * same wherever they are seen at one moment: in the log at every index, in what servers hold in the end, and by every
 * executed transfer that was bound to what was read of all accounts, which trusts no log.
 */
export function checkAtomicity(input: {
  readonly history: History
  readonly log: readonly CommittedEntry[]
  readonly finalStates: readonly FinalState[]
  readonly limits?: ModelLimits | undefined
}): CheckResult {
  const findings = new Findings('atomicity')
  const model = new Model(input.limits)
  for (const entry of input.log) {
    model.apply(entry)
    compare(findings, () => `the log at ${entry.index}`, model)
  }
  for (const { server, documents } of input.finalStates) {
    const held = new Map(documents.filter(isAccount).map((document) => [document.key, document]))
    compare(findings, () => server, { document: (_, key) => held.get(key) })
  }
  for (const operation of input.history.operations) {
    const { action, ending } = operation
    if (action.f !== 'transfer' || ending?.type !== 'ok' || action.seen.length < accountKeys.length) continue
    const sum = sumOf(action.seen)
    findings.expect(sum === moneyTotal, () => `${describeOperation(operation)} saw ${sum} in all accounts at once`)
  }
  return findings.result()
}

interface Holder {
  document(space: string, key: string): { readonly value: { readonly n: number } } | undefined
}

/** All accounts are there with the whole money, or none is. */
function compare(findings: Findings, who: () => string, holder: Holder): void {
  const found = accountKeys.map((key) => holder.document(accountSpace, key))
  const open = found.filter((account) => account !== undefined)
  const sum = open.reduce((total, { value }) => total + value.n, 0)
  findings.expect(
    open.length === 0 || (open.length === accountKeys.length && sum === moneyTotal),
    () => `${who()} has ${sum} in ${open.length} accounts, not ${moneyTotal} in ${accountKeys.length}`,
  )
}

function isAccount({ space }: { readonly space: string }): boolean {
  return space === accountSpace
}

function sumOf(seen: readonly SeenAccount[]): number {
  return accountKeys
    .map((key) =>
      must(
        seen.find((account) => account.key === key),
        'all accounts were seen',
      ),
    )
    .reduce((sum, { n }) => sum + n, 0)
}
