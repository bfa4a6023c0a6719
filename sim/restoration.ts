import { must } from '../core/lib/assert.ts'
import { bytesEqual } from '../core/lib/bytes.ts'
import { ReplicatedState } from '../core/state/replicated-state.ts'
import type { Answer, DocumentKey } from '../core/wire/command.ts'
import { Findings } from './checkers/findings.ts'
import type { CheckResult } from './checkers/types.ts'
import { namesOf } from './holdings.ts'

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
    for (const at of namesOf(state)) {
      const same = isSame(documentAt(restored, at), documentAt(state, at))
      findings.expect(same, () => `${name} restores ${at.space}/${at.key} to another document`)
    }
  }

  result(): CheckResult {
    return this.#findings.result()
  }
}

function documentAt(state: ReplicatedState, at: DocumentKey): Answer {
  return state.answer({ kind: 'get', ...at })
}

/** Byte by byte: a document and its restored copy are to have the same deltas, too. */
function isSame(a: Answer, b: Answer): boolean {
  if (a.kind !== 'document' || b.kind !== 'document') return a.kind === b.kind
  return (
    a.birth === b.birth &&
    a.version === b.version &&
    a.deltas.length === b.deltas.length &&
    bytesEqual(a.base, b.base) &&
    a.deltas.every((delta, i) => bytesEqual(delta, must(b.deltas[i], 'as many deltas')))
  )
}
