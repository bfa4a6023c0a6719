import { resultBytes } from '../state/client-table.ts'
import type { Answer } from '../wire/command.ts'
import type { Result } from '../wire/message.ts'

/**
 * As much as goes into one frame, but for the item that exceeds it: even with the largest, a document with its deltas,
 * a frame stays far below the most that a transport carries.
 */
const batchBytesMax = 1024 * 1024
const batchItemsMax = 8192

/** Cuts a list into parts that each fit a frame, in order. */
export function inBatches<T>(items: readonly T[], bytesOf: (item: T) => number): readonly (readonly T[])[] {
  const batches: T[][] = []
  let batch: T[] = []
  let bytes = 0
  for (const item of items) {
    const more = bytesOf(item)
    if (batch.length > 0 && (bytes + more > batchBytesMax || batch.length >= batchItemsMax)) {
      batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += more
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}

/** About how many bytes a result takes in a frame. */
export function bytesOfResult({ outcome }: Result): number {
  return 16 + resultBytes(outcome)
}

/** About how many bytes an answer takes in a frame. */
export function bytesOfAnswer({ answer }: { readonly answer: Answer }): number {
  let bytes = 64
  if (answer.kind === 'document') {
    bytes += answer.base.length
    for (const delta of answer.deltas) bytes += delta.length + 4
  } else if (answer.kind === 'listing') for (const key of answer.keys) bytes += key.length * 3 + 4
  else if (answer.kind === 'outcome' && answer.outcome !== undefined) bytes += resultBytes(answer.outcome)
  return bytes
}
