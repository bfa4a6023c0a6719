import type { Index, Term } from '../../core/wire/ids.ts'
import type { RunKind } from '../../core/wire/run.ts'
import type { WorkDocument } from '../work-document.ts'

/** One entry of the log that the world saw committed: the witness against which clients' observations are judged. */
export interface CommittedEntry {
  readonly index: Index
  readonly term: Term
  readonly stampMs: number
  readonly kind: RunKind
  readonly payload: Uint8Array
  /** A digest of the entry, by which servers' logs are compared. */
  readonly hash: number
}

/** A document as a server holds it. */
export interface HeldDocument {
  readonly space: string
  readonly key: string
  readonly birth: Index
  readonly version: Index
  readonly value: WorkDocument
}

/** What one live server holds when the run is over. */
export interface FinalState {
  readonly server: string
  readonly appliedIndex: Index
  readonly documents: readonly HeldDocument[]
}

/** A request that a server says it executed, refused or cancelled at an index: its first and only effect there. */
export interface AppliedRequest {
  readonly server: string
  readonly index: Index
  readonly client: number
  readonly number: number
}

/**
 * What a check came to. A check that compared nothing proves nothing: the world fails on it where it expected
 * something.
 */
export interface CheckResult {
  readonly name: string
  readonly compared: number
  readonly violations: readonly string[]
  /** Of a check that searches: how many documents it searched, and how many of those searches it gave up. */
  readonly searches?: number | undefined
  readonly undecided?: number | undefined
}
