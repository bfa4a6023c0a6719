import type { Millis } from '../machine.ts'
import type { Link, ServerId } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { protocolVersion, protocolVersionMin } from '../wire/version.ts'
import type { ServerCore } from './core.ts'
import { SnapshotSource } from './snapshot-source.ts'

type SnapshotAck = Extract<Message, { kind: 'snapshot-ack' }>

/** One snapshot on its way to one member, on a link of its own. */
interface Transfer {
  readonly to: ServerId
  readonly source: SnapshotSource
  readonly link: Link
  phase: 'dialing' | 'greeting' | 'sending'
  /** Chunks sent and not confirmed, from `base` on; the last one until the end. */
  readonly window: Uint8Array[]
  base: number
  ended: boolean
  resendAt: Millis
  progressAt: Millis
}

/**
 * Streams snapshots to members that need entries which were compacted away: a window of chunks, sent again when they
 * get lost, given up when nothing moves. A member's heartbeats never wait behind it.
 */
export class SnapshotSender {
  readonly #core: ServerCore
  readonly #transfers = new Map<Link, Transfer>()

  constructor(core: ServerCore) {
    this.#core = core
  }

  owns(link: Link): boolean {
    return this.#transfers.has(link)
  }

  begin(to: ServerId): void {
    const core = this.#core
    const address = core.replica?.members.addresses.get(to)
    if (address === undefined || [...this.#transfers.values()].some((transfer) => transfer.to === to)) return
    const link = core.newLink()
    core.push({ kind: 'dial', link, address })
    const source = new SnapshotSource(core)
    const { now } = core
    const resendAt = now + core.options.timing.helloMs
    this.#transfers.set(link, {
      to,
      source,
      link,
      phase: 'dialing',
      window: [],
      base: 0,
      ended: false,
      resendAt,
      progressAt: now,
    })
  }

  onConnected(link: Link): void {
    const transfer = this.#transfers.get(link)
    if (transfer === undefined) return
    transfer.phase = 'greeting'
    this.#greet(transfer)
  }

  onClosed(link: Link): void {
    const transfer = this.#transfers.get(link)
    if (transfer !== undefined) this.#giveUp(transfer, undefined)
  }

  hangUp(link: Link, reason: string): void {
    const transfer = this.#transfers.get(link)
    if (transfer !== undefined) this.#giveUp(transfer, reason)
  }

  onMessage(link: Link, message: Message): void {
    const transfer = this.#transfers.get(link)
    if (transfer === undefined) return
    if (message.kind === 'welcome' && transfer.phase === 'greeting') this.#welcomed(transfer, message.server)
    else if (message.kind === 'unwelcome') this.#giveUp(transfer, 'refused')
    else if (message.kind === 'snapshot-ack') this.#onAck(transfer, message)
  }

  tick(): void {
    const { now, options } = this.#core
    for (const transfer of [...this.#transfers.values()]) {
      if (transfer.progressAt + options.timing.snapshotGiveUpMs <= now) this.#giveUp(transfer, 'no progress')
      else if (transfer.resendAt <= now) this.#resend(transfer)
    }
  }

  nextDeadline(): Millis | undefined {
    let next: Millis | undefined
    for (const { resendAt } of this.#transfers.values()) if (next === undefined || resendAt < next) next = resendAt
    return next
  }

  /** This server leads no more. */
  stop(): void {
    for (const { link } of this.#transfers.values()) this.#core.push({ kind: 'close', link, reason: 'not leading' })
    this.#transfers.clear()
  }

  #greet(transfer: Transfer): void {
    const core = this.#core
    transfer.resendAt = core.now + core.options.timing.helloMs
    core.send(transfer.link, {
      kind: 'hello',
      protocolMin: protocolVersionMin,
      protocolMax: protocolVersion,
      purpose: 'snapshot',
      group: core.group,
      history: core.history,
      server: core.id,
      address: core.options.servers.get(core.name) ?? '',
      connection: 1,
    })
  }

  #welcomed(transfer: Transfer, server: ServerId): void {
    if (server !== transfer.to) {
      this.#giveUp(transfer, 'another incarnation answered')
      return
    }
    transfer.phase = 'sending'
    this.#core.push({ kind: 'admit', link: transfer.link })
    this.#fill(transfer)
  }

  #onAck(transfer: Transfer, ack: SnapshotAck): void {
    const { replica, now } = this.#core
    if (replica === undefined || transfer.phase !== 'sending') return
    if (ack.term !== replica.term || ack.index !== transfer.source.index) return
    if (ack.done) {
      replica.snapshotInstalled(transfer.to, ack.index)
      this.#core.emit({ kind: 'snapshot-sent', index: ack.index, to: transfer.to })
      this.#giveUp(transfer, 'done')
      return
    }
    if (ack.next <= transfer.base || ack.next > transfer.base + transfer.window.length) return
    // The last chunk stays, to be sent again until the answer is that the snapshot is installed.
    const taken = Math.min(ack.next - transfer.base, transfer.window.length - (transfer.ended ? 1 : 0))
    if (taken === 0) return
    transfer.window.splice(0, taken)
    transfer.base += taken
    transfer.progressAt = now
    this.#fill(transfer)
  }

  #fill(transfer: Transfer): void {
    const { limits, timing } = this.#core.options
    while (!transfer.ended && transfer.window.length < limits.snapshotChunksInflight) {
      const chunk = transfer.source.next()
      // An empty last chunk ends the stream: only the source knows, and only afterwards, which chunk was the last.
      if (chunk === undefined) transfer.ended = true
      transfer.window.push(chunk ?? new Uint8Array(0))
      this.#sendChunk(transfer, transfer.window.length - 1)
    }
    transfer.resendAt = this.#core.now + timing.snapshotResendMs
  }

  #resend(transfer: Transfer): void {
    transfer.resendAt = this.#core.now + this.#core.options.timing.snapshotResendMs
    if (transfer.phase === 'greeting') this.#greet(transfer)
    else if (transfer.phase === 'sending') for (let i = 0; i < transfer.window.length; i++) this.#sendChunk(transfer, i)
  }

  #sendChunk(transfer: Transfer, position: number): void {
    const { index, term: indexTerm } = transfer.source
    const last = transfer.ended && position === transfer.window.length - 1
    const bytes = transfer.window[position] as Uint8Array
    const term = this.#core.replica?.term ?? 0
    const chunk = transfer.base + position
    this.#core.send(transfer.link, { kind: 'snapshot-chunk', term, index, indexTerm, chunk, last, bytes })
  }

  /** Ends a transfer; the link is closed unless it is gone already. */
  #giveUp(transfer: Transfer, reason: string | undefined): void {
    this.#transfers.delete(transfer.link)
    if (reason !== undefined) this.#core.push({ kind: 'close', link: transfer.link, reason })
    this.#core.replica?.snapshotLost(transfer.to)
  }
}
