import { decodeMessage } from '../wire/codec.ts'
import { type Link, nameOf, type ServerId, type ServerName } from '../wire/ids.ts'
import type { Message, PeerMessage, Status } from '../wire/message.ts'
import type { Run } from '../wire/run.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { ClientStreams } from './client-streams.ts'
import type { ServerCore } from './core.ts'
import type { Door, Guest } from './door.ts'
import type { Formation } from './formation.ts'
import type { Membership } from './membership.ts'
import type { PeerNews, Peers } from './peers.ts'
import { fitsLog, isPlausible } from './plausible.ts'
import type { Removal, Removals } from './removal.ts'
import type { Shutdown } from './shutdown.ts'
import type { SnapshotReceiver } from './snapshot-receiver.ts'
import type { SnapshotSender } from './snapshot-sender.ts'

type Hello = Extract<Message, { kind: 'hello' }>

/** Replies travel on the link of the question; everything else on the link that the sender dialled. */
const replyKinds: ReadonlySet<PeerMessage['kind']> = new Set([
  'append-ack',
  'heartbeat-ack',
  'vote-reply',
  'snapshot-ack',
])

/** The parts of a server that messages are for. */
export interface Parts {
  readonly core: ServerCore
  readonly peers: Peers
  readonly door: Door
  readonly formation: Formation
  readonly membership: Membership
  readonly streams: ClientStreams
  readonly checkpoints: Checkpoints
  readonly sender: SnapshotSender
  readonly receiver: SnapshotReceiver
  readonly shutdown: Shutdown
  readonly removals: Removals
}

/** What a message can make the whole server do. */
export interface WholeServer {
  status(): Status
  /** A server that holds nothing learns that its group exists by hearing from it: from here on it follows. */
  ensureReplica(): void
  adopt(founding: readonly Run[]): void
  /** This server's state differs from that of an equal majority at `index`. */
  diverged(index: number): void
  /** This server's membership is over for good. */
  removed(removal: Removal): void
}

/**
 * Brings each message to the part it is for, by the link it came on and what that link was greeted for.
 * Invariant: a message that does not belong on its link is dropped; bytes that are no message end the link.
 */
export class Switchboard {
  readonly #parts: Parts
  readonly #core: ServerCore
  readonly #whole: WholeServer
  /** How often a server's append contradicted what is committed here. */
  readonly #contradictions = new Map<ServerName, number>()

  constructor(parts: Parts, whole: WholeServer) {
    this.#parts = parts
    this.#core = parts.core
    this.#whole = whole
  }

  onFrame(link: Link, frame: Uint8Array): void {
    const message = decodeMessage(frame)
    if (message === undefined || !isPlausible(message)) this.#malformed(link)
    else if (this.#parts.peers.owns(link)) this.#onPeerAnswer(link, message)
    else if (this.#parts.sender.owns(link)) this.#parts.sender.onMessage(link, message)
    else this.#onGuest(link, message)
  }

  #malformed(link: Link): void {
    if (this.#parts.peers.owns(link)) this.#parts.peers.hangUp(link, 'malformed message')
    else if (this.#parts.sender.owns(link)) this.#parts.sender.hangUp(link, 'malformed message')
    else this.#parts.door.dismiss(link, 'malformed message')
    this.#forgetDismissed()
  }

  tick(): void {
    this.#parts.door.tick()
    this.#forgetDismissed()
  }

  /** Ends every connection that somebody else dialled. */
  dismissAll(reason: string): void {
    this.#parts.door.closeAll(reason)
    this.#forgetDismissed()
  }

  onClosed(link: Link, refused: boolean, unread: boolean): void {
    const remote = this.#parts.door.guest(link)?.remote ?? this.#parts.peers.nameOn(link)
    if (unread) this.#core.emit({ kind: 'link-unread', remote: remote ?? `link ${link}` })
    const news = this.#parts.peers.onClosed(link, refused)
    if (news !== undefined) this.#onNews(news)
    this.#parts.sender.onClosed(link)
    this.#parts.receiver.onClosed(link)
    this.#parts.streams.close(link)
    this.#parts.door.forget(link)
  }

  #forgetDismissed(): void {
    for (const link of this.#parts.door.takeDismissed()) {
      this.#parts.receiver.onClosed(link)
      this.#parts.streams.close(link)
    }
  }

  #onPeerAnswer(link: Link, message: Message): void {
    if (message.kind === 'welcome') {
      for (const news of this.#parts.peers.onWelcome(link, message)) this.#onNews(news)
      return
    }
    if (message.kind === 'unwelcome') {
      this.#onUnwelcome(link, message)
      return
    }
    const from = this.#parts.peers.idOn(link)
    if (from === undefined) return
    if (message.kind === 'form-answer') this.#parts.formation.onFormAnswer(from, message)
    else if (message.kind === 'left') this.#parts.shutdown.onLeft()
    else if (message.kind === 'removed') this.#end(this.#parts.removals.onRemoved(message))
    else if (message.kind === 'append-ack' || message.kind === 'heartbeat-ack' || message.kind === 'vote-reply') {
      this.#core.replica?.receive(from, message, this.#core.now)
      if (message.kind === 'append-ack') this.#compareState(from, message.checkpoint, message.stateHash)
    }
  }

  #onUnwelcome(link: Link, message: Extract<Message, { kind: 'unwelcome' }>): void {
    if (!this.#parts.peers.awaits(link, message.connection)) return
    this.#parts.door.report(`link to ${this.#parts.peers.nameOn(link) ?? ''}`, message.code, message.text)
    this.#parts.peers.hangUp(link, message.code)
  }

  #end(removal: Removal | undefined): void {
    if (removal !== undefined) this.#whole.removed(removal)
  }

  #onNews(news: PeerNews): void {
    const core = this.#core
    if (news.kind === 'died') {
      if (core.leaderName === news.peer) core.replica?.leaderGone(core.now)
      return
    }
    if (news.welcome.history === undefined) this.#parts.membership.noteEmpty(news.welcome.server)
    else this.#parts.membership.noteMember(news.welcome.server)
  }

  #onGuest(link: Link, message: Message): void {
    if (message.kind === 'hello') {
      this.#onHello(link, message)
      return
    }
    const guest = this.#parts.door.guest(link)
    if (guest?.purpose === 'client') this.#onClient(link, message)
    else if (guest?.purpose === 'admin') this.#onAdmin(link, message)
    else if (guest?.purpose === 'snapshot' && guest.server !== undefined)
      this.#onSnapshotLink(link, guest.server, message)
    else if (guest?.purpose === 'peer' && guest.server !== undefined) this.#onPeerRequest(guest, guest.server, message)
  }

  #onHello(link: Link, hello: Hello): void {
    const guest = this.#parts.door.onHello(link, hello)
    this.#forgetDismissed()
    if (guest?.purpose === 'client') this.#parts.streams.open(link, guest.connection, hello.history)
    if (guest?.purpose === 'peer' && guest.server !== undefined) {
      this.#parts.peers.noteCalled(guest.server)
      this.#parts.removals.greeted(link, guest.server)
    }
    if (this.#parts.door.isOfOtherHistory(hello)) this.#end(this.#parts.removals.onOtherHistory(hello))
  }

  #onClient(link: Link, message: Message): void {
    switch (message.kind) {
      case 'register':
      case 'attach':
      case 'requests':
      case 'read':
      case 'keepalive':
      case 'goodbye':
        this.#parts.door.heard(link)
        this.#parts.streams.receive(link, message)
    }
  }

  #onAdmin(link: Link, message: Message): void {
    if (message.kind !== 'status-query') return
    this.#parts.door.heard(link)
    this.#core.send(link, { kind: 'status', status: this.#whole.status() })
  }

  #onSnapshotLink(link: Link, from: ServerId, message: Message): void {
    if (message.kind !== 'snapshot-chunk') return
    this.#whole.ensureReplica()
    const { replica, now } = this.#core
    if (replica?.hearLeader(from, message.term, now) === true && replica.leader === from)
      this.#parts.receiver.onChunk(link, from, message)
  }

  #onPeerRequest(guest: Guest, from: ServerId, message: Message): void {
    switch (message.kind) {
      case 'form-ask':
        this.#parts.formation.onFormAsk(guest.link, from, message)
        return
      case 'form': {
        const founding = this.#parts.formation.onForm(from, message)
        if (founding !== undefined) this.#whole.adopt(founding)
        return
      }
      case 'join':
        if (message.server === from) this.#parts.membership.onJoin(guest.link, from, message.address)
        return
      case 'leave':
        this.#parts.membership.onLeave(guest.link, from)
        return
      case 'diverged':
        if (this.#isVerdict(from, message.term, message.index)) this.#whole.diverged(message.index)
        return
      case 'append':
        if (this.#core.replica !== undefined && !fitsLog(this.#core.replica, message)) {
          this.#contradicted(nameOf(from))
          return
        }
        this.#whole.ensureReplica()
        this.#core.replica?.receive(from, message, this.#core.now)
        return
      case 'heartbeat':
      case 'vote':
      case 'timeout-now':
        this.#whole.ensureReplica()
        this.#core.replica?.receive(from, message, this.#core.now)
    }
  }

  /** Nothing is answered, so it comes again and again: an operator hears of it at every power of ten. */
  #contradicted(by: ServerName): void {
    const times = (this.#contradictions.get(by) ?? 0) + 1
    this.#contradictions.set(by, times)
    if (/^10*$/.test(`${times}`)) this.#core.emit({ kind: 'log-contradicted', by, times })
  }

  /** Only the leader compares, and only what this server has told of itself. */
  #isVerdict(from: ServerId, term: number, index: number): boolean {
    const { replica } = this.#core
    return replica?.leader === from && replica.term === term && this.#parts.checkpoints.has(index)
  }

  sendTo(to: ServerId, message: PeerMessage): void {
    const link = replyKinds.has(message.kind) ? this.#parts.door.linkFrom(to, 'peer') : this.#parts.peers.linkTo(to)
    if (link !== undefined) this.#core.send(link, message)
  }

  #compareState(from: ServerId, index: number, hash: string): void {
    for (const server of this.#parts.checkpoints.heard(from, index, hash)) {
      if (server === this.#core.id) this.#whole.diverged(index)
      else this.sendTo(server, { kind: 'diverged', term: this.#core.replica?.term ?? 0, index })
    }
  }
}
