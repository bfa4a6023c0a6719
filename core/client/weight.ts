import { unreachable } from '../lib/assert.ts'
import { utf8Length } from '../lib/utf8.ts'
import type { Query, Transaction, Write } from '../wire/command.ts'

/**
 * Room for the numbers and lengths around the parts of a request. An upper bound, so that a weight is never below the
 * encoded size.
 */
const overheadBytes = 48

/** What a transaction takes in memory and on the wire, at most. */
export function transactionWeight(transaction: Transaction): number {
  let bytes = overheadBytes + transaction.after.length * 8
  for (const read of transaction.reads) {
    bytes += overheadBytes + utf8Length(read.space) + (read.key === undefined ? 0 : utf8Length(read.key))
  }
  for (const write of transaction.writes) {
    bytes += overheadBytes + utf8Length(write.space) + utf8Length(write.key) + contentLength(write)
  }
  return bytes
}

export function queryWeight(query: Query): number {
  switch (query.kind) {
    case 'get':
      return overheadBytes + utf8Length(query.space) + utf8Length(query.key)
    case 'list':
      return overheadBytes + utf8Length(query.space) + (query.after === undefined ? 0 : utf8Length(query.after))
    case 'outcome':
    case 'barrier':
      return overheadBytes
    default:
      return unreachable(query)
  }
}

function contentLength(write: Write): number {
  switch (write.kind) {
    case 'create':
      return write.value.length
    case 'change':
      return write.delta.length
    case 'delete':
      return 0
    default:
      return unreachable(write)
  }
}
