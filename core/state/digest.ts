import { unreachable } from '../lib/assert.ts'
import { Hash64 } from '../lib/hash64.ts'
import { type RefusalCode, refusalCodes } from '../refusal.ts'
import type { DocumentKey } from '../wire/command.ts'
import type { ClientIndex, Index } from '../wire/ids.ts'
import type { Result } from '../wire/message.ts'
import type { ClientEntry } from './client-table.ts'
import type { DocumentEntry } from './document-entry.ts'
import type { Tombstone } from './tombstones.ts'

/**
 * Hashes of the members of the replicated state. Their sum, with the clock and the history, is the state hash that
 * servers compare (R9). Each hash returned is valid until the next call: these functions share one scratch hash.
 */
const hash = new Hash64()

/** One number before each kind of member, so that none is taken for another. */
const kind = { document: 1, space: 2, client: 3, tombstone: 4, result: 5 } as const

/** The part of a document's hash that its changes leave alone. */
export interface NameHash {
  readonly low: number
  readonly high: number
}

export function nameHash(name: DocumentKey): NameHash {
  const { low, high } = hash.reset().u32(kind.document).text(name.space).text(name.key)
  return { low, high }
}

export function documentHash(name: NameHash, entry: DocumentEntry): Hash64 {
  hash.low = name.low
  hash.high = name.high
  return hash.uint(entry.birth).uint(entry.version).u32(entry.chainLow).u32(entry.chainHigh).finish()
}

export function spaceHash(space: string, version: Index): Hash64 {
  return hash.reset().u32(kind.space).text(space).uint(version).finish()
}

export function clientHash(client: ClientIndex, entry: ClientEntry): Hash64 {
  hash.reset().u32(kind.client).uint(client).bytes(entry.nonce)
  hash.uint(entry.last).uint(entry.ackedBelow).uint(entry.touch)
  return hash.u32(entry.resultsLow).u32(entry.resultsHigh).finish()
}

export function tombstoneHash(client: ClientIndex, tombstone: Tombstone): Hash64 {
  hash.reset().u32(kind.tombstone).uint(client).uint(tombstone.last).uint(tombstone.ackedBelow)
  hash.uint(tombstone.expiredAtMs).uint(tombstone.expiredIndex)
  for (const result of tombstone.results) feedResult(result)
  return hash.finish()
}

export function resultHash(result: Result): Hash64 {
  hash.reset()
  feedResult(result)
  return hash.finish()
}

function feedResult({ number, index, outcome }: Result): void {
  hash.u32(kind.result).uint(number).uint(index)
  switch (outcome.kind) {
    case 'executed':
      hash.u32(0).u32(outcome.results.length)
      for (const bytes of outcome.results) hash.bytes(bytes)
      break
    case 'refused':
      hash.u32(1).u32(numberOf(outcome.code)).uint(outcome.write)
      break
    case 'cancelled':
      hash.u32(2)
      break
    default:
      unreachable(outcome)
  }
}

function numberOf(code: RefusalCode): number {
  return refusalCodes.indexOf(code)
}
