import { must } from '../lib/assert.ts'
import type { Index, Term } from '../wire/ids.ts'
import { cutRun, lastIndexOf, type Run } from '../wire/run.ts'
import { followChain } from './wal-chain.ts'
import type { WalRecord } from './wal-format.ts'
import type { FoundFlush } from './wal-scan.ts'

/** The log that a folder holds behind its snapshot, and how the next life of the server goes on from it. */
export interface FoundLog {
  readonly runs: readonly Run[]
  readonly last: Index
  readonly commit: Index
  readonly torn: boolean
  /**
   * The last index that may have been acknowledged, where that is more than `last` or a repair was not finished; else
   * 0.
   */
  readonly damagedUpTo: Index
  /** The flushes that still matter to the log. */
  readonly kept: readonly FoundFlush[]
  /** The first flush of the next life. */
  readonly opening: Opening
}

/**
 * Makes the log of the next life independent of flushes that are there, but possibly not durable: it follows a flush
 * that was proven, and repeats what came after. Whole segments that fit into it as well are repeated with it, so that
 * every life adds what it wrote to the log, and not a segment.
 */
export interface Opening {
  readonly previous: number
  readonly previousFirst: Index
  readonly records: readonly WalRecord[]
  /** The newest flushes kept, which are needed no more once this one is proven. */
  readonly repeated: readonly FoundFlush[]
}

/**
 * Puts the log together from the flushes found, behind a snapshot that ends at `base` (0 for none). The opening takes
 * whole segments while it stays within `openingBytesMax`.
 */
export function findLog(
  flushes: readonly FoundFlush[],
  base: Index,
  baseTerm: Term,
  openingBytesMax: number,
): FoundLog {
  const chain = followChain(flushes, base)
  const { runs, whole } = entriesOf(chain.kept, base, baseTerm, chain.end)
  const damaged = chain.damaged || !whole
  const last = lastOf(runs) ?? base
  const commit = chain.kept.reduce((most, flush) => Math.max(most, flush.header.commit), chain.head?.header.commit ?? 0)
  return {
    runs,
    last,
    commit: Math.max(base, Math.min(commit, last)),
    torn: chain.torn,
    damagedUpTo: damaged
      ? damagedUpTo(flushes, chain.kept, Math.max(chain.end, last + 1))
      : (chain.head?.header.damagedUpTo ?? 0),
    kept: damaged ? flushes : chain.kept,
    opening: openingOf(chain.head, damaged, chain.kept, runs, { index: base, term: baseTerm }, openingBytesMax),
  }
}

/** How far the flushes behind those kept say that the log went. */
function damagedUpTo(flushes: readonly FoundFlush[], kept: readonly FoundFlush[], atLeast: Index): Index {
  const keptSequence = kept.at(-1)?.header.sequence ?? 0
  let upTo = atLeast
  for (const { header } of flushes) {
    if (header.sequence > keptSequence) upTo = Math.max(upTo, header.lastIndex, header.damagedUpTo)
  }
  return upTo
}

function openingOf(
  head: FoundFlush | undefined,
  damaged: boolean,
  kept: readonly FoundFlush[],
  runs: readonly Run[],
  base: { readonly index: Index; readonly term: Term },
  bytesMax: number,
): Opening {
  const last = lastOf(runs)
  const newest = kept.at(-1)
  if (last === undefined || newest === undefined) {
    return { previous: 0, previousFirst: 0, records: [{ kind: 'reset', ...base }], repeated: kept }
  }
  if (damaged || newest !== head) {
    const { sequence, firstIndex } = newest.header
    return { previous: sequence, previousFirst: firstIndex, records: [{ kind: 'cut', index: last }], repeated: [] }
  }
  const repeated = repeatable(kept, bytesMax)
  const { previous, previousFirst } = must(repeated[0], 'the newest flush is repeated').header
  return { previous, previousFirst, records: repeated.flatMap(({ records }) => records ?? []), repeated }
}

/** The newest flush, and what goes before it back to the start of the earliest segment from which all of it fits. */
function repeatable(kept: readonly FoundFlush[], bytesMax: number): readonly FoundFlush[] {
  let from = kept.length - 1
  let bytes = 0
  for (const [i, { header }] of [...kept.entries()].toReversed()) {
    bytes += header.payloadBytes
    if (bytes > bytesMax) break
    if (kept[i - 1]?.header.segment !== header.segment) from = i
  }
  return kept.slice(from)
}

/** The entries behind the base up to `end`. Not `whole` when the flushes don't reach from the one to the other. */
function entriesOf(
  kept: readonly FoundFlush[],
  base: Index,
  baseTerm: Term,
  end: Index,
): { readonly runs: readonly Run[]; readonly whole: boolean } {
  const log = new LogBuilder()
  for (const flush of kept) for (const record of flush.records ?? []) log.add(record)
  log.cutBehind(end)
  if (end <= base || !log.follows(base, baseTerm)) return { runs: [], whole: true }
  const start = log.start
  if (start === undefined || start > base + 1) return { runs: [], whole: false }
  const runs = log.runs.filter((run) => lastIndexOf(run) > base).map((run) => cutRun(run, base + 1, lastIndexOf(run)))
  return { runs, whole: lastOf(runs) === end }
}

/** Applies records in order. What lies behind a gap replaces what lies before it, so that `start` tells of it. */
class LogBuilder {
  readonly runs: Run[] = []
  /** The first index that the log holds or would hold; `undefined` while nothing is known. */
  start: Index | undefined

  add(record: WalRecord): void {
    if (record.kind === 'run') this.#append(record.run)
    else if (record.kind === 'cut') this.cutBehind(record.index)
    else {
      this.runs.length = 0
      this.start = record.index + 1
    }
  }

  cutBehind(end: Index): void {
    let run = this.runs.at(-1)
    while (run !== undefined && run.firstIndex > end) {
      this.runs.pop()
      run = this.runs.at(-1)
    }
    if (run !== undefined && lastIndexOf(run) > end) this.runs[this.runs.length - 1] = cutRun(run, run.firstIndex, end)
  }

  /**
   * Whether the entries behind the snapshot that ends with `index` of `term` belong to the same log. They do not when
   * the server died between installing a snapshot and resetting its log, or before it stored what the snapshot covers.
   */
  follows(index: Index, term: Term): boolean {
    const run = this.runs.find((run) => lastIndexOf(run) >= index)
    if (run === undefined) return true
    return run.firstIndex <= index ? run.term === term : run.term >= term
  }

  #append(run: Run): void {
    this.cutBehind(run.firstIndex - 1)
    const next = (lastOf(this.runs) ?? (this.start ?? run.firstIndex) - 1) + 1
    if (run.firstIndex > next) this.runs.length = 0
    if (this.runs.length === 0 && run.firstIndex !== this.start) this.start = run.firstIndex
    this.runs.push(run)
  }
}

function lastOf(runs: readonly Run[]): Index | undefined {
  const run = runs.at(-1)
  return run === undefined ? undefined : lastIndexOf(run)
}
