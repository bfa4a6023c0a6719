import { bytesEqual } from '../core/lib/bytes.ts'
import type { Query, ReadVersion, Transaction, Write } from '../core/wire/command.ts'
import type { Action } from './history.ts'
import { encodeAppend, encodeIncrement, encodeSet, encodeWorkDocument } from './work-document.ts'

/** A question if the action only reads, else the transaction that carries it out. `after` is whoever numbers them's. */
export function requestOf(action: Action): { readonly query: Query } | { readonly transaction: Transaction } {
  switch (action.f) {
    case 'read':
      return { query: { kind: 'get', space: action.space, key: action.key } }
    case 'list':
      return { query: { kind: 'list', space: action.space, after: action.after, limit: action.limit } }
    default:
      return { transaction: { kind: 'transaction', after: [], reads: readsOf(action), writes: writesOf(action) } }
  }
}

/** Whether the transaction is the one that the action asks for, but for what `after` names. */
export function isRequestOf(transaction: Transaction, action: Action): boolean {
  const request = requestOf(action)
  if ('query' in request) return false
  const { reads, writes } = request.transaction
  return (
    transaction.reads.length === reads.length &&
    transaction.reads.every((read, i) => sameRead(read, reads[i])) &&
    transaction.writes.length === writes.length &&
    transaction.writes.every((write, i) => sameWrite(write, writes[i]))
  )
}

type Change = Exclude<Action, { f: 'read' | 'list' }>

function readsOf(action: Change): readonly ReadVersion[] {
  const { space } = action
  if (action.f === 'cas') return [{ space, key: action.key, version: action.version }]
  return action.f === 'transfer' ? action.seen.map(({ key, version }) => ({ space, key, version })) : []
}

function writesOf(action: Change): readonly Write[] {
  const { space, f } = action
  if (f === 'open') {
    const { balances, by } = action
    return balances.map(({ key, n }) => ({
      kind: 'create',
      space,
      key,
      value: encodeWorkDocument({ n, by, list: [] }),
    }))
  }
  if (f === 'transfer')
    return action.moves.map(({ key, n }) => ({ kind: 'change', space, key, birth: 0, delta: encodeSet(n, action.by) }))
  const at = { space, key: action.key }
  if (f === 'create') return [{ ...at, kind: 'create', value: encodeWorkDocument(action.value) }]
  const birth = action.birth ?? 0
  const change = (delta: Uint8Array): Write => ({ ...at, kind: 'change', birth, delta })
  switch (f) {
    case 'write':
    case 'cas':
      return [change(encodeSet(action.n, action.by))]
    case 'append':
      return [change(encodeAppend(action.element))]
    case 'increment':
      return [change(encodeIncrement(action.amount, action.by))]
    case 'delete': {
      const tagged = action.by === undefined ? [] : [change(encodeSet(0, action.by))]
      return [...tagged, { ...at, kind: 'delete', birth }]
    }
  }
}

function sameRead(a: ReadVersion, b: ReadVersion | undefined): boolean {
  return a.space === b?.space && a.key === b.key && a.version === b.version
}

function sameWrite(a: Write, b: Write | undefined): boolean {
  if (a.space !== b?.space || a.key !== b.key) return false
  if (a.kind === 'create') return b.kind === 'create' && bytesEqual(a.value, b.value)
  if (a.kind === 'delete') return b.kind === 'delete' && a.birth === b.birth
  return b.kind === 'change' && a.birth === b.birth && bytesEqual(a.delta, b.delta)
}
