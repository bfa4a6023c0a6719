import { unreachable } from '../lib/assert.ts'
import type { Answer, Query } from '../wire/command.ts'
import type { ClientIndex, Index } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import { resultAt } from './client-table.ts'
import { deltasIn } from './delta-log.ts'
import type { StateParts } from './state-parts.ts'

/**
 * Answers a question from the state as it is at its applied index. The bytes of a document are shared with the state.
 */
export function answerQuery(parts: StateParts, query: Query): Answer {
  const index = parts.appliedIndex
  switch (query.kind) {
    case 'get': {
      const entry = parts.documents.get(query)
      if (entry === undefined) return { kind: 'absent', index }
      const { birth, version, base, deltas } = entry
      return { kind: 'document', index, birth, version, base, deltas: deltasIn(deltas) }
    }
    case 'list': {
      const { listKeysMax, listBytesMax } = parts.limits
      const keysMax = Math.min(query.limit, listKeysMax)
      const list = parts.documents.list(query.space, query.after, keysMax, listBytesMax)
      return { kind: 'listing', index, version: parts.documents.spaceVersion(query.space), ...list }
    }
    case 'outcome':
      return outcomeOf(parts, query.client, query.number, index)
    case 'barrier':
      return { kind: 'barrier', index }
    default:
      return unreachable(query)
  }
}

/**
 * A request that a registered client has not made yet may still come, so only an ended client's is certainly not
 * executed.
 */
function outcomeOf(parts: StateParts, client: ClientIndex, number: number, index: Index): Answer {
  const entry = parts.clients.get(client)
  const tombstone = parts.tombstones.get(client)
  const known = entry ?? tombstone
  if (known === undefined) return withoutOutcome('unknown', index)
  if (number < known.ackedBelow) return withoutOutcome('acknowledged', index)
  if (number > known.last) return withoutOutcome(entry === undefined ? 'not-executed' : 'unknown', index)
  const result: Result | undefined = entry ? resultAt(entry, number) : tombstone?.results[number - known.ackedBelow]
  if (result === undefined) return withoutOutcome('unknown', index)
  return { kind: 'outcome', index, status: 'known', at: result.index, outcome: result.outcome }
}

function withoutOutcome(status: 'not-executed' | 'acknowledged' | 'unknown', index: Index): Answer {
  return { kind: 'outcome', index, status, at: 0, outcome: undefined }
}
