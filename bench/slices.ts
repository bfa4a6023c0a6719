import { BTreeCursor } from '../core/lib/btree.ts'
import { defaultLimits, type ServerLimits } from '../core/server/options.ts'
import { DocumentStore } from '../core/state/document-store.ts'
import { stateLimits } from '../core/state/limits.ts'
import { ReplicatedState } from '../core/state/replicated-state.ts'
import { BenchGroup } from './group.ts'
import { createDocuments, setField } from './load-documents.ts'

/** The most that one step of any server did, while a snapshot was made, sent and installed under load. */
export interface Slices {
  /** Documents and other records written into a snapshot. */
  readonly written: number
  /** Documents taken from a snapshot. */
  readonly restored: number
  /** Entries applied. */
  readonly applied: number
  /** Entries dropped from the log by compaction. */
  readonly compacted: number
  /** Steps of servers while this was measured. */
  readonly steps: number
  readonly longestStepMs: number
}

/** What one step may do at most, however large the state is. */
function slicesAllowed(limits: Partial<ServerLimits>): Omit<Slices, 'steps' | 'longestStepMs'> {
  const { snapshotChunksInflight, applyEntriesMax, compactEntriesMax } = { ...defaultLimits, ...limits }
  const { chunkEntriesMax } = stateLimits
  return {
    written: chunkEntriesMax * snapshotChunksInflight,
    restored: chunkEntriesMax,
    applied: applyEntriesMax,
    compacted: compactEntriesMax,
  }
}

/** Where a step did more than it may, in words; and where nothing was done, so that nothing was measured. */
export function sliceFaults(slices: Slices, limits: Partial<ServerLimits> = {}): readonly string[] {
  const faults: string[] = []
  for (const [name, allowed] of Object.entries(slicesAllowed(limits))) {
    const largest = slices[name as keyof Slices]
    if (largest === 0) faults.push(`${name}: nothing was, so nothing was measured`)
    if (largest > allowed) faults.push(`${name}: ${largest} in one step, where ${allowed} are allowed`)
  }
  return faults
}

/** Documents that one transaction makes; the group is filled before anything is counted. */
const filledAtOnce = 200
/** Commits that share a turn under load. */
const load = 64

/** Counts what a step does where it is done: every record passes through one of these three. */
class Tally {
  written = 0
  restored = 0
  applied = 0
  readonly #undo: (() => void)[] = []

  begin(): void {
    const { next } = BTreeCursor.prototype
    const { restoreDocument } = DocumentStore.prototype
    const { apply } = ReplicatedState.prototype
    const tally = this
    BTreeCursor.prototype.next = function () {
      tally.written++
      return next.call(this)
    }
    DocumentStore.prototype.restoreDocument = function (name, entry) {
      tally.restored++
      restoreDocument.call(this, name, entry)
    }
    ReplicatedState.prototype.apply = function (index, stampMs, payload) {
      tally.applied++
      return apply.call(this, index, stampMs, payload)
    }
    this.#undo.push(() => {
      BTreeCursor.prototype.next = next
      DocumentStore.prototype.restoreDocument = restoreDocument
      ReplicatedState.prototype.apply = apply
    })
  }

  end(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  reset(): void {
    this.written = 0
    this.restored = 0
    this.applied = 0
  }
}

/**
 * Fills a group with documents, then lets it take a snapshot, compact its log and bring up a server that lost
 * everything, all while commits go on.
 */
export function measureSlices(documents: number, limits: Partial<ServerLimits> = {}, now = () => 0): Slices {
  const tally = new Tally()
  const watch = new StepWatch(tally)
  const fills = documents / filledAtOnce
  const group = new BenchGroup({
    servers: 3,
    durability: 'fsync',
    // Due soon after the group is filled, and large enough not to come again while it is measured.
    limits: { snapshotEntries: fills + 2000, snapshotBytes: 2 ** 40, trailingEntries: 500, ...limits },
    onStep: (each, ms) => watch.stepped(each, ms),
    now,
  })
  for (let i = 0; i < fills; i++) {
    group.submit(createDocuments(i * filledAtOnce, filledAtOnce))
    if (i % 16 === 15 || i + 1 === fills) group.advance(() => group.settled === i + 1)
  }
  tally.begin()
  watch.begin(group)
  try {
    const base = () => group.leader.core.replica?.log.baseIndex ?? 0
    goOnUntil(group, () => base() > fills)
    const follower = group.servers.find((server) => server !== group.leader)
    if (follower === undefined) throw new Error('no follower')
    const replaced = group.replace(follower)
    goOnUntil(group, () => replaced.core.state.documentCount === documents)
    goOnUntil(group, () => replaced.core.state.appliedIndex + load * 2 >= group.leader.core.state.appliedIndex)
    return watch.slices()
  } finally {
    tally.end()
  }
}

/** Commits go on, a turn's worth at a time, until something is so. */
function goOnUntil(group: BenchGroup, isDone: () => boolean): void {
  for (let turn = 0; !isDone(); turn++) {
    if (turn > 100_000) throw new Error('the group does not get there under load')
    for (let i = 0; i < load; i++) group.submit(setField(turn * load + i))
    group.tick()
  }
}

/** Keeps the largest of everything that a single step did. */
class StepWatch {
  readonly #tally: Tally
  readonly #bases = new Map<string, number>()
  #largest = { written: 0, restored: 0, applied: 0, compacted: 0, steps: 0, longestStepMs: 0 }
  #isCounting = false

  constructor(tally: Tally) {
    this.#tally = tally
  }

  begin(group: BenchGroup): void {
    this.#isCounting = true
    for (const { id, core } of group.servers) this.#bases.set(id, core.replica?.log.baseIndex ?? 0)
    this.#tally.reset()
  }

  stepped(group: BenchGroup, ms: number): void {
    if (!this.#isCounting) return
    const { written, restored, applied } = this.#tally
    const largest = this.#largest
    this.#largest = {
      written: Math.max(largest.written, written),
      restored: Math.max(largest.restored, restored),
      applied: Math.max(largest.applied, applied),
      compacted: Math.max(largest.compacted, this.#compacted(group)),
      steps: largest.steps + 1,
      longestStepMs: Math.max(largest.longestStepMs, ms),
    }
    this.#tally.reset()
  }

  slices(): Slices {
    return this.#largest
  }

  /** A log that is replaced by an installed snapshot moves its base as well; that drops nothing that was there. */
  #compacted(group: BenchGroup): number {
    let most = 0
    for (const { id, core } of group.servers) {
      const base = core.replica?.log.baseIndex ?? 0
      const before = this.#bases.get(id)
      if (before !== undefined && before > 0) most = Math.max(most, base - before)
      this.#bases.set(id, base)
    }
    return most
  }
}
