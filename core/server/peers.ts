import type { Millis } from '../machine.ts'
import { type Link, nameOf, type ServerId, type ServerName } from '../wire/ids.ts'
import type { Message } from '../wire/message.ts'
import { protocolVersion, protocolVersionMin } from '../wire/version.ts'
import type { ServerCore } from './core.ts'

type Welcome = Extract<Message, { kind: 'welcome' }>

/**
 * A connection that this server dials and keeps: one to every other server, for what it asks of them; answers come back
 * on it.
 */
interface Peer {
  readonly name: ServerName
  link: Link | undefined
  phase: 'idle' | 'dialing' | 'greeting' | 'open'
  /** Whom the welcome named. */
  id: ServerId | undefined
  /** The peer belongs to a group already; unknown until it is greeted. */
  hasHistory: boolean
  /** When to dial, or to send the hello again. */
  at: Millis
  backoffMs: Millis
  connection: number
  /** The connection to this peer broke and is being tried again for the first time (R3). */
  suspect: boolean
}

/** What happened to the connections of `Peers` that others must know. */
export type PeerNews =
  | { readonly kind: 'open'; readonly peer: ServerName; readonly welcome: Welcome }
  /** A connection that was open broke and nobody listens there any more, or another process does (R3). */
  | { readonly kind: 'died'; readonly peer: ServerName }

/**
 * Dials every other server, greets it, and dials again with jittered back-off when the connection breaks; the first
 * time at once.
 * Not here: connections that others dialled (the door), and what is said on a connection once it is open.
 */
export class Peers {
  readonly #core: ServerCore
  readonly #peers = new Map<ServerName, Peer>()
  readonly #byLink = new Map<Link, Peer>()
  #connections = 0

  constructor(core: ServerCore) {
    this.#core = core
    for (const name of [...core.options.servers.keys()].sort()) if (name !== core.name) this.#add(name)
  }

  owns(link: Link): boolean {
    return this.#byLink.has(link)
  }

  /** The peer greeted on this link, if the greeting is over. */
  idOn(link: Link): ServerId | undefined {
    const peer = this.#byLink.get(link)
    return peer?.phase === 'open' ? peer.id : undefined
  }

  nameOn(link: Link): ServerName | undefined {
    return this.#byLink.get(link)?.name
  }

  /** The open connection to exactly this incarnation. */
  linkTo(id: ServerId): Link | undefined {
    const peer = this.#peers.get(nameOf(id))
    return peer?.phase === 'open' && peer.id === id ? peer.link : undefined
  }

  openLinks(): Link[] {
    return [...this.#peers.values()].flatMap((peer) =>
      peer.phase === 'open' && peer.link !== undefined ? [peer.link] : [],
    )
  }

  isOpen(name: ServerName): boolean {
    return this.#peers.get(name)?.phase === 'open'
  }

  /** Which incarnation answers under a name, as far as is known. */
  incarnationAt(name: ServerName): { readonly id: ServerId; readonly hasHistory: boolean } | undefined {
    const peer = this.#peers.get(name)
    return peer?.phase === 'open' && peer.id !== undefined ? { id: peer.id, hasHistory: peer.hasHistory } : undefined
  }

  /** The peer turned out to belong to a group since it was greeted. */
  noteHistory(id: ServerId): void {
    const peer = this.#peers.get(nameOf(id))
    if (peer?.id === id) peer.hasHistory = true
  }

  /**
   * The peer has just called: it is there, and to wait any longer before dialling it would be in vain. A connection to
   * another incarnation leads to a dead process, whose end a partition kept from us and which nothing is sent to any
   * more, so nothing else would ever end it.
   */
  noteCalled(caller: ServerId): void {
    const peer = this.#peers.get(nameOf(caller))
    if (peer?.phase === 'open' && peer.link !== undefined && peer.id !== caller)
      this.hangUp(peer.link, 'another incarnation called')
    if (peer?.phase !== 'idle') return
    peer.at = this.#core.now
    peer.backoffMs = 0
  }

  tick(): void {
    if (!this.#core.isNamed) return
    for (const peer of this.#peers.values()) {
      if (peer.at > this.#core.now) continue
      if (peer.phase === 'idle') this.#dial(peer)
      else if (peer.phase === 'greeting') this.#greet(peer)
    }
  }

  nextDeadline(): Millis | undefined {
    let next: Millis | undefined
    if (!this.#core.isNamed) return next
    for (const { phase, at } of this.#peers.values()) {
      if ((phase === 'idle' || phase === 'greeting') && (next === undefined || at < next)) next = at
    }
    return next
  }

  onConnected(link: Link): void {
    const peer = this.#byLink.get(link)
    if (peer === undefined || peer.phase !== 'dialing') return
    peer.phase = 'greeting'
    this.#greet(peer)
  }

  onClosed(link: Link, refused: boolean): PeerNews | undefined {
    const peer = this.#byLink.get(link)
    if (peer === undefined) return undefined
    const wasOpen = peer.phase === 'open'
    const died = peer.suspect && refused
    // 1. A process is killed. 2. Its connection breaks. 3. Its door is still open for a moment and takes the next one,
    // which breaks unanswered, be it before we saw it open. 4. The door closes; therefore such a connection leaves the
    // suspicion to the one after it.
    this.#drop(peer)
    peer.suspect = wasOpen || (peer.suspect && !refused)
    if (wasOpen) this.#dial(peer)
    else this.#backOff(peer)
    return died ? { kind: 'died', peer: peer.name } : undefined
  }

  /** A greeting of this number went out on this link and is unanswered. */
  awaits(link: Link, connection: number): boolean {
    const peer = this.#byLink.get(link)
    return peer?.phase === 'greeting' && peer.connection === connection
  }

  onWelcome(link: Link, welcome: Welcome): readonly PeerNews[] {
    const peer = this.#byLink.get(link)
    if (peer === undefined || peer.phase !== 'greeting' || welcome.connection !== peer.connection) return []
    if (nameOf(welcome.server) !== peer.name) {
      this.hangUp(link, 'another server answered')
      return []
    }
    const died = peer.suspect && peer.id !== undefined && peer.id !== welcome.server
    Object.assign(peer, {
      phase: 'open',
      id: welcome.server,
      hasHistory: welcome.history !== undefined,
      suspect: false,
      backoffMs: 0,
    })
    this.#core.push({ kind: 'admit', link })
    const open: PeerNews = { kind: 'open', peer: peer.name, welcome }
    return died ? [{ kind: 'died', peer: peer.name }, open] : [open]
  }

  /** Closes a connection and tries again later. */
  hangUp(link: Link, reason: string): void {
    const peer = this.#byLink.get(link)
    if (peer === undefined) return
    this.#core.push({ kind: 'close', link, reason })
    this.#drop(peer)
    peer.suspect = false
    this.#backOff(peer)
  }

  hangUpAll(reason: string): void {
    for (const link of [...this.#byLink.keys()]) this.hangUp(link, reason)
  }

  closeAll(reason: string): void {
    for (const link of [...this.#byLink.keys()]) this.#core.push({ kind: 'close', link, reason })
    this.#byLink.clear()
    this.#peers.clear()
  }

  #add(name: ServerName): void {
    this.#peers.set(name, {
      name,
      link: undefined,
      phase: 'idle',
      id: undefined,
      hasHistory: false,
      at: this.#core.startedAt,
      backoffMs: 0,
      connection: 0,
      suspect: false,
    })
  }

  #dial(peer: Peer): void {
    const link = this.#core.newLink()
    peer.link = link
    peer.phase = 'dialing'
    this.#byLink.set(link, peer)
    this.#core.push({ kind: 'dial', link, address: this.#core.options.servers.get(peer.name) ?? '' })
  }

  #greet(peer: Peer): void {
    const core = this.#core
    if (peer.link === undefined) return
    if (peer.connection === 0) peer.connection = ++this.#connections
    peer.at = core.now + core.options.timing.helloMs
    core.send(peer.link, {
      kind: 'hello',
      protocolMin: protocolVersionMin,
      protocolMax: protocolVersion,
      purpose: 'peer',
      group: core.group,
      history: core.history,
      server: core.id,
      address: core.options.servers.get(core.name) ?? '',
      connection: peer.connection,
    })
  }

  #drop(peer: Peer): void {
    if (peer.link !== undefined) this.#byLink.delete(peer.link)
    peer.link = undefined
    peer.phase = 'idle'
    peer.connection = 0
  }

  #backOff(peer: Peer): void {
    const { redialMsMin, redialMsMax } = this.#core.options.timing
    peer.backoffMs = Math.min(redialMsMax, Math.max(redialMsMin, peer.backoffMs * 2))
    peer.at = this.#core.now + peer.backoffMs / 2 + this.#core.prng.below(Math.ceil(peer.backoffMs / 2) + 1)
  }
}
