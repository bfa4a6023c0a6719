import { foldDocument } from '../core/state/fold.ts'
import type { ReplicatedState } from '../core/state/replicated-state.ts'
import type { DocumentKey } from '../core/wire/command.ts'
import { accountSpace } from './accounts.ts'
import type { FinalState, HeldDocument } from './checkers/types.ts'
import { placeOf } from './history.ts'
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

/** The names of the workload's documents, in order. */
export function namesOf(state: ReplicatedState): readonly DocumentKey[] {
  return [accountSpace, workSpace].flatMap((space) => {
    const listing = state.answer({ kind: 'list', space, after: undefined, limit: documentsMax })
    return listing.kind === 'listing' ? listing.keys.map((key) => ({ space, key })) : []
  })
}

function documentsOf(state: ReplicatedState, server: string): HeldDocument[] {
  return namesOf(state).map((name) => {
    const answer = state.answer({ kind: 'get', ...name })
    const value = answer.kind === 'document' ? workDocumentOf(foldDocument(answer.base, answer.deltas)) : undefined
    if (answer.kind !== 'document' || value === undefined)
      throw new Error(`${server} holds something else at ${placeOf(name)}`)
    return { ...name, birth: answer.birth, version: answer.version, value }
  })
}
