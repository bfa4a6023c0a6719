import { foldDocument } from '../core/state/fold.ts'
import type { ReplicatedState } from '../core/state/replicated-state.ts'
import type { FinalState, HeldDocument } from './checkers/types.ts'
import type { ServerProcess } from './server-process.ts'
import { workDocumentOf } from './work-document.ts'
import { workSpace } from './workload.ts'

/** More documents than any workload makes. */
const documentsMax = 1000

/** The workload's documents as a server holds them. */
export function finalStateOf(server: ServerProcess): FinalState {
  const state = server.server?.core.state
  if (state === undefined) return { server: server.name, appliedIndex: 0, documents: [] }
  return { server: server.name, appliedIndex: state.appliedIndex, documents: documentsOf(state, server.name) }
}

/** The keys of the workload's documents, in order. */
export function keysOf(state: ReplicatedState): readonly string[] {
  const listing = state.answer({ kind: 'list', space: workSpace, after: undefined, limit: documentsMax })
  return listing.kind === 'listing' ? listing.keys : []
}

function documentsOf(state: ReplicatedState, server: string): HeldDocument[] {
  return keysOf(state).map((key) => {
    const answer = state.answer({ kind: 'get', space: workSpace, key })
    const value = answer.kind === 'document' ? workDocumentOf(foldDocument(answer.base, answer.deltas)) : undefined
    if (answer.kind !== 'document' || value === undefined) throw new Error(`${server} holds something else at ${key}`)
    return { space: workSpace, key, birth: answer.birth, version: answer.version, value }
  })
}
