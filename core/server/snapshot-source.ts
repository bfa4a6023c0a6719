import { encodeMembers } from '../consensus/members.ts'
import { must } from '../lib/assert.ts'
import type { Index, Term } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'

/**
 * A snapshot of this server's state at the index it has applied, given out chunk by chunk while the state goes on: the
 * members come first, then the state in canonical order.
 */
export class SnapshotSource {
  readonly index: Index
  readonly term: Term
  readonly #members: Uint8Array
  readonly #chunks: Iterator<Uint8Array>
  #position = 0

  constructor(core: ServerCore) {
    const replica = must(core.replica, 'a snapshot without a replica')
    this.index = core.state.appliedIndex
    this.term = must(replica.log.termAt(this.index), 'the applied entry is compacted')
    this.#members = encodeMembers(replica.membersAt(this.index))
    this.#chunks = core.state.view().chunks(core.options.limits.snapshotChunkBytes)[Symbol.iterator]()
  }

  /** The next chunk, or undefined at the end. */
  next(): Uint8Array | undefined {
    if (this.#position++ === 0) return this.#members
    const { done, value } = this.#chunks.next()
    return done === true ? undefined : value
  }
}
