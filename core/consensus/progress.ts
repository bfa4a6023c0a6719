import type { Millis } from '../machine.ts'
import type { Index } from '../wire/ids.ts'

/**
 * What a leader knows of one other member (etcd's Progress).
 * `probe`: where the logs agree is unknown, one append at a time. `replicate`: appends are pipelined. `snapshot`: the
 * member needs entries that were compacted away, a snapshot is on its way.
 * Invariant: `match < next`; `match` never falls within a term, unless the member says that it repairs damage.
 */
export class Progress {
  state: 'probe' | 'replicate' | 'snapshot' = 'probe'
  match: Index = 0
  next: Index
  /** The member repairs damage: it counts neither for commit nor for a quorum of rounds. */
  repairing = false
  /** The newest read round the member has confirmed. */
  round = 0
  /** The newest read round it was asked to confirm. */
  roundSent = 0
  /** The newest commit index it was told. */
  commitSent: Index = 0
  ackedAt: Millis
  /** In `probe`: an append is under way. */
  probeSent = false
  /** Something must be sent even if there is nothing new: an append may have been lost. */
  nudged = false
  #inflight: { upTo: Index; bytes: number }[] = []
  #inflightBytes = 0

  constructor(next: Index, now: Millis) {
    this.next = next
    this.ackedAt = now
  }

  get inflightMessages(): number {
    return this.#inflight.length
  }

  get inflightBytes(): number {
    return this.#inflightBytes
  }

  becomeProbe(next: Index): void {
    this.#become('probe')
    this.next = Math.max(next, this.match + 1)
  }

  becomeReplicate(): void {
    this.#become('replicate')
    this.next = this.match + 1
  }

  becomeSnapshot(): void {
    this.#become('snapshot')
  }

  sent(upTo: Index, bytes: number): void {
    this.next = upTo + 1
    this.#inflight.push({ upTo, bytes })
    this.#inflightBytes += bytes
  }

  /** Takes an accepted append into account; true when `match` rose. */
  accept(match: Index): boolean {
    while (this.#inflight.length > 0 && (this.#inflight[0] as { upTo: Index }).upTo <= match) {
      this.#inflightBytes -= (this.#inflight.shift() as { bytes: number }).bytes
    }
    if (match <= this.match) return false
    this.match = match
    this.next = Math.max(this.next, match + 1)
    return true
  }

  /** The member lost what it had confirmed, and says so. */
  forget(next: Index): void {
    this.match = 0
    this.commitSent = 0
    this.becomeProbe(next)
  }

  #become(state: 'probe' | 'replicate' | 'snapshot'): void {
    this.state = state
    this.probeSent = false
    this.nudged = false
    this.#inflight = []
    this.#inflightBytes = 0
  }
}
