import { decodeMembers, type Members } from '../consensus/members.ts'
import { Malformed } from '../lib/bytes.ts'
import type { ReplicatedState } from '../state/replicated-state.ts'
import type { Index, Link, ServerId, Term } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import type { ServerCore } from './core.ts'

type SnapshotChunk = Extract<Message, { kind: 'snapshot-chunk' }>
type Restorer = ReturnType<typeof ReplicatedState.restorer>

interface Reception {
  readonly link: Link
  readonly from: ServerId
  readonly term: Term
  readonly index: Index
  readonly indexTerm: Term
  readonly restorer: Restorer
  members: Members | undefined
  next: number
  /** How many chunks the sender was told that the storage has taken. */
  confirmed: number
  /** Complete: it is installed as soon as the storage holds it. */
  state: ReplicatedState | undefined
  isOpen: boolean
}

/** What a complete and durable snapshot replaces. */
export interface Installed {
  readonly index: Index
  readonly term: Term
  readonly members: Members
  readonly state: ReplicatedState
}

/**
 * Receives a snapshot chunk by chunk, into the storage and into a state beside the one that serves, and hands both over
 * when they are whole.
 * Invariant: nothing of the server changes before the snapshot is complete, valid and durable.
 * Invariant: a chunk is confirmed when the disk has taken it, so what waits for a slow disk is never more than the
 * sender's window.
 */
export class SnapshotReceiver {
  readonly #core: ServerCore
  readonly #newRestorer: () => Restorer
  /** Frees the storage of a snapshot of our own; false while that one is being finished. */
  readonly #claimStorage: () => boolean
  #reception: Reception | undefined

  constructor(core: ServerCore, newRestorer: () => Restorer, claimStorage: () => boolean) {
    this.#core = core
    this.#newRestorer = newRestorer
    this.#claimStorage = claimStorage
  }

  get isBusy(): boolean {
    return this.#reception !== undefined
  }

  /** The storage holds chunks of the snapshot under way. */
  get isStoring(): boolean {
    return this.#reception !== undefined && this.#reception.state === undefined
  }

  onChunk(link: Link, from: ServerId, chunk: SnapshotChunk): void {
    const { replica } = this.#core
    if (replica === undefined) return
    if (chunk.index <= replica.commit) {
      this.#ack(link, chunk.index, 0, true)
      return
    }
    const reception = this.#current(link, from, chunk)
    if (reception === undefined) return
    const isNext = chunk.chunk === reception.next && reception.state === undefined
    if (isNext) this.#take(reception, chunk)
    if (this.#reception !== reception) return
    if (isNext) this.#confirm(reception)
    else this.#ack(link, chunk.index, reception.confirmed, false)
  }

  /**
   * A leader of another term, or appends that overtook the snapshot, end what is not complete: nobody goes on with it.
   * What the disk has taken meanwhile makes room for more.
   */
  turn(): void {
    const { replica } = this.#core
    const reception = this.#reception
    if (reception === undefined || reception.state !== undefined || replica === undefined) return
    if (reception.term < replica.term || reception.index <= replica.commit) this.#abandon()
    else this.#confirm(reception)
  }

  onClosed(link: Link): void {
    if (this.#reception?.link !== link) return
    this.#reception.isOpen = false
    if (this.#reception.state === undefined) this.#abandon()
  }

  /** Once durable: what to install. The reception is over then. */
  takeInstalled(): Installed | undefined {
    const reception = this.#reception
    if (reception?.state === undefined || reception.members === undefined) return undefined
    if (this.#core.storage.snapshotDurable < reception.index) return undefined
    this.#reception = undefined
    if (reception.isOpen) this.#ack(reception.link, reception.index, 0, true)
    // Appends may have brought the entries themselves in the meantime.
    if (reception.index <= (this.#core.replica?.commit ?? 0)) return undefined
    const { index, indexTerm: term, members, state } = reception
    return { index, term, members, state }
  }

  #current(link: Link, from: ServerId, chunk: SnapshotChunk): Reception | undefined {
    const current = this.#reception
    const isSame = current?.link === link && current.term === chunk.term && current.index === chunk.index
    if (current !== undefined && isSame) return current
    // A complete snapshot is on its way to the disk: it will be installed, whoever sends another.
    if (current?.state !== undefined || chunk.chunk !== 0 || chunk.index <= this.#core.storage.snapshotDurable)
      return undefined
    this.#abandon()
    if (!this.#claimStorage()) return undefined
    this.#core.storage.beginSnapshot(chunk.index, chunk.indexTerm)
    const { term, index, indexTerm } = chunk
    const restorer = this.#newRestorer()
    this.#reception = {
      link,
      from,
      term,
      index,
      indexTerm,
      restorer,
      members: undefined,
      next: 0,
      confirmed: 0,
      state: undefined,
      isOpen: true,
    }
    return this.#reception
  }

  #take(reception: Reception, chunk: SnapshotChunk): void {
    try {
      if (!chunk.last) this.#core.storage.snapshotChunk(chunk.bytes.slice())
      if (chunk.chunk === 0) reception.members = decodeMembers(chunk.bytes)
      else if (!chunk.last) reception.restorer.push(chunk.bytes)
      reception.next++
      if (!chunk.last) return
      const state = reception.restorer.finish()
      if (state.appliedIndex !== reception.index) throw new Malformed('the snapshot covers something else')
      reception.state = state
      this.#core.storage.endSnapshot()
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#abandon()
    }
  }

  #confirm(reception: Reception): void {
    const taken = reception.next - this.#core.storage.snapshotBacklog
    if (taken <= reception.confirmed) return
    reception.confirmed = taken
    this.#ack(reception.link, reception.index, taken, false)
  }

  #abandon(): void {
    if (this.isStoring) this.#core.storage.abandonSnapshot()
    this.#reception = undefined
  }

  #ack(link: Link, index: Index, next: number, done: boolean): void {
    this.#core.send(link, { kind: 'snapshot-ack', term: this.#core.replica?.term ?? 0, index, next, done })
  }
}
