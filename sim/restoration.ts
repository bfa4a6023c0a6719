import { ReplicatedState } from '../core/state/replicated-state.ts'
import { Findings } from './checkers/findings.ts'
import type { CheckResult } from './checkers/types.ts'
import { keysOf } from './holdings.ts'
import { workSpace } from './workload.ts'

/** One snapshot in so many is restored on the spot: the state is small, but snapshots are taken all the time. */
const sampleEvery = 8

/**
 * A state restored from a server's snapshot must be that state, document by document, and digests kept step by step
 * must be those computed afresh.
 */
export class Restoration {
  readonly #findings = new Findings('snapshot-restores')
  #taken = 0

  /** A server took a snapshot. */
  taken(name: string, state: ReplicatedState): void {
    if (++this.#taken % sampleEvery === 0) this.compare(name, state)
  }

  compare(name: string, state: ReplicatedState): void {
    const findings = this.#findings
    const restorer = ReplicatedState.restorer(state.limits)
    for (const chunk of state.view().chunks(512)) restorer.push(chunk)
    const restored = restorer.finish()
    findings.expect(restored.digest() === state.digest(), () => `${name} restores to another state`)
    findings.expect(state.recomputeDigest() === state.digest(), () => `${name} keeps a wrong digest`)
    for (const key of keysOf(state)) {
      const same = rendered(restored, key) === rendered(state, key)
      findings.expect(same, () => `${name} restores ${workSpace}/${key} to another document`)
    }
  }

  result(): CheckResult {
    return this.#findings.result()
  }
}

function rendered(state: ReplicatedState, key: string): string {
  const answer = state.answer({ kind: 'get', space: workSpace, key })
  if (answer.kind !== 'document') return answer.kind
  const parts = [answer.base, ...answer.deltas].map((bytes) => bytes.join())
  return `${answer.birth} ${answer.version} ${parts.join(';')}`
}
