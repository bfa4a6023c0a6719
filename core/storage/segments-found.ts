import type { Index } from '../wire/ids.ts'
import { highestIndexIn, type OldSegment } from './wal.ts'
import type { FoundLog } from './wal-log.ts'
import type { FoundFlush, WalScan } from './wal-scan.ts'

/** The segments of earlier lives, by what they are still good for. Each number is in one list only. */
export interface SegmentsFound {
  /** They hold something of the log that the opening flush does not repeat. */
  readonly needed: readonly OldSegment[]
  /** What they hold of the log is in the opening flush too. */
  readonly repeated: readonly number[]
  /** They hold nothing of the log as it was found. */
  readonly dead: readonly number[]
  /** They hold no flush at all, so that no recovery could tell whether they are there. */
  readonly blank: readonly number[]
}

/** While there is damage, nothing is thrown away: what can't be chained may still be of use to an operator. */
export function sortSegments(scan: WalScan, log: FoundLog, isDamaged: boolean): SegmentsFound {
  if (isDamaged) return { needed: segmentsOf(scan.flushes), repeated: [], dead: [], blank: [] }
  const needed = segmentsOf(log.kept.slice(0, log.kept.length - log.opening.repeated.length))
  const isNeeded = new Set(needed.map(({ number }) => number))
  const isKept = numbersOf(log.kept)
  const isWritten = numbersOf(scan.flushes)
  return {
    needed,
    repeated: scan.segments.filter((segment) => isKept.has(segment) && !isNeeded.has(segment)),
    dead: scan.segments.filter((segment) => isWritten.has(segment) && !isKept.has(segment)),
    blank: scan.segments.filter((segment) => !isWritten.has(segment)),
  }
}

function numbersOf(flushes: readonly FoundFlush[]): ReadonlySet<number> {
  return new Set(flushes.map(({ header }) => header.segment))
}

/** The segments of these flushes, oldest first. */
function segmentsOf(flushes: readonly FoundFlush[]): OldSegment[] {
  const upTo = new Map<number, Index>()
  for (const { header, records } of flushes) {
    const highest = records === undefined ? header.lastIndex : highestIndexIn(records)
    upTo.set(header.segment, Math.max(upTo.get(header.segment) ?? 0, highest))
  }
  return [...upTo].map(([number, last]) => ({ number, upTo: last })).sort((a, b) => a.number - b.number)
}
