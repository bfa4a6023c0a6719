import type { Millis } from '../machine.ts'
import type { RefusalCode } from '../refusal.ts'
import { refusals } from '../refusal.ts'
import { type Link, nameOf, type ServerId } from '../wire/ids.ts'
import type { Message, Purpose } from '../wire/message.ts'
import { protocolVersion, protocolVersionMin } from '../wire/version.ts'
import type { ServerCore } from './core.ts'

type Hello = Extract<Message, { kind: 'hello' }>

/**
 * A connection that somebody else dialled. Before its hello is accepted it has no purpose, and says nothing that is
 * listened to.
 */
export interface Guest {
  readonly link: Link
  readonly remote: string
  readonly purpose: Purpose | undefined
  readonly server: ServerId | undefined
  readonly connection: number
}

/** So often within the time that it may be silent a guest is looked at. */
const looksPerIdle = 4

/** How often a refusal is told apart before they are no longer remembered: a bound for logs, not for refusing. */
const refusalsRemembered = 1000

/**
 * Accepts connections: greets who may come in, refuses everybody else with a code, and logs each kind of refusal once.
 * Invariant: at most one link per server and purpose; a younger one closes the older.
 * Invariant: links that have not said hello, clients with administrators, and servers are counted apart, so that no
 * crowd of one kind keeps the others out.
 * Not here: how long a hello may take. The transport ends whoever is not admitted in time.
 */
export class Door {
  readonly #core: ServerCore
  readonly #guests = new Map<Link, Guest>()
  readonly #servers = new Map<string, Link>()
  readonly #told = new Set<string>()
  /** Clients and administrators, and when each last said something that was listened to. */
  readonly #heardAt = new Map<Link, Millis>()
  #ungreeted = 0
  #idleAt: Millis = 0
  #dismissed: Link[] = []

  constructor(core: ServerCore) {
    this.#core = core
  }

  guest(link: Link): Guest | undefined {
    return this.#guests.get(link)
  }

  /** The link on which this server asks us things, for the answers. */
  linkFrom(id: ServerId, purpose: Purpose): Link | undefined {
    return this.#servers.get(`${purpose} ${id}`)
  }

  /** The servers that ask us things. */
  *peers(): Generator<{ readonly link: Link; readonly server: ServerId }> {
    for (const link of this.#servers.values()) {
      const guest = this.#guests.get(link)
      if (guest?.purpose === 'peer' && guest.server !== undefined) yield { link, server: guest.server }
    }
  }

  nextDeadline(): Millis | undefined {
    return this.#heardAt.size > 0 ? this.#idleAt : undefined
  }

  /** Hangs up on guests that are silent: a link that serves nobody takes the place of one that would. */
  tick(): void {
    const { now, options } = this.#core
    const { idleMs } = options.timing
    if (this.#idleAt > now) return
    this.#idleAt = now + idleMs / looksPerIdle
    for (const [link, heardAt] of this.#heardAt)
      if (heardAt + idleMs <= now) this.dismiss(link, `nothing was said for ${idleMs} ms`)
  }

  /** A client or an administrator said something that it is here for. */
  heard(link: Link): void {
    if (this.#heardAt.has(link)) this.#heardAt.set(link, this.#core.now)
  }

  onAccepted(link: Link, remote: string): void {
    if (this.#ungreeted < this.#core.options.limits.greetingsMax) {
      this.#guests.set(link, { link, remote, purpose: undefined, server: undefined, connection: 0 })
      this.#ungreeted++
    } else this.#core.push({ kind: 'close', link, reason: 'too many connections that have not said hello' })
  }

  /** Returns the guest when it is let in for the first time. */
  onHello(link: Link, hello: Hello): Guest | undefined {
    const guest = this.#guests.get(link)
    if (guest === undefined || !this.#core.isNamed) return undefined
    const code = this.#objection(hello)
    if (code !== undefined) {
      this.#refuse(guest, hello, code)
      return undefined
    }
    const isNew = guest.purpose === undefined
    const greeted: Guest = { ...guest, purpose: hello.purpose, server: hello.server, connection: hello.connection }
    if (isNew && !this.#hasRoomFor(greeted)) {
      this.#refuse(guest, hello, 'BUSY', 'the server has as many connections as it accepts')
      return undefined
    }
    if (isNew) this.#letIn(greeted)
    this.#welcome(link, hello)
    return isNew ? greeted : undefined
  }

  /** A server of this group calls, and what it holds is not of the history of what is held here. */
  isOfOtherHistory({ group, history, server }: Hello): boolean {
    if (server === undefined || (group !== undefined && group !== this.#core.group)) return false
    return history !== undefined && this.#core.history !== undefined && history !== this.#core.history
  }

  /** Forgets a link; true if it was known. */
  forget(link: Link): Guest | undefined {
    const guest = this.#guests.get(link)
    this.#guests.delete(link)
    this.#heardAt.delete(link)
    if (guest !== undefined && guest.purpose === undefined) this.#ungreeted--
    const key = guest?.server === undefined ? '' : `${guest.purpose} ${guest.server}`
    if (this.#servers.get(key) === link) this.#servers.delete(key)
    return guest
  }

  dismiss(link: Link, reason: string): void {
    if (this.forget(link) === undefined) return
    this.#core.push({ kind: 'close', link, reason })
    this.#dismissed.push(link)
  }

  /** Links closed here since the last look: no `closed` will follow for them. */
  takeDismissed(): readonly Link[] {
    return this.#dismissed.splice(0)
  }

  closeAll(reason: string): void {
    for (const link of [...this.#guests.keys()]) this.dismiss(link, reason)
  }

  /** Tells an operator, once per kind and place. */
  report(remote: string, code: RefusalCode, text: string): void {
    const key = `${remote} ${code}`
    if (this.#told.has(key)) return
    if (this.#told.size >= refusalsRemembered) this.#told.clear()
    this.#told.add(key)
    this.#core.emit({ kind: 'peer-refused', remote, code, text })
  }

  #objection(hello: Hello): RefusalCode | undefined {
    const core = this.#core
    if (hello.protocolMin > protocolVersion || hello.protocolMax < protocolVersionMin) return 'OTHER_PROTOCOL'
    if (hello.group !== undefined && hello.group !== core.group) return 'OTHER_GROUP'
    if (hello.purpose === 'client' || hello.purpose === 'admin') return undefined
    if (hello.server === undefined || !core.options.servers.has(nameOf(hello.server))) return 'UNKNOWN_PEER'
    if (nameOf(hello.server) === core.name) return 'UNKNOWN_PEER'
    return this.isOfOtherHistory(hello) ? 'OTHER_HISTORY' : undefined
  }

  #hasRoomFor(guest: Guest): boolean {
    return !isVisitor(guest) || this.#heardAt.size < this.#core.options.limits.linksMax
  }

  #letIn(guest: Guest): void {
    const { link, purpose, server } = guest
    this.#guests.set(link, guest)
    this.#ungreeted--
    this.#core.push({ kind: 'admit', link })
    if (isVisitor(guest)) this.#letInVisitor(link)
    else if (server !== undefined) this.#letInServer(link, `${purpose} ${server}`)
  }

  #letInVisitor(link: Link): void {
    const { now, options } = this.#core
    if (this.#heardAt.size === 0) this.#idleAt = now + options.timing.idleMs / looksPerIdle
    this.#heardAt.set(link, now)
  }

  #letInServer(link: Link, key: string): void {
    const older = this.#servers.get(key)
    if (older !== undefined) this.dismiss(older, 'a younger connection of the same server')
    const name = key.slice(0, key.indexOf('#') + 1)
    const ofName = [...this.#servers].filter(([other]) => other.startsWith(name))
    const oldest = ofName.length < this.#core.options.limits.linksPerServerMax ? undefined : ofName[0]
    if (oldest !== undefined) this.dismiss(oldest[1], 'younger connections of the same server')
    this.#servers.set(key, link)
  }

  #welcome(link: Link, hello: Hello): void {
    const core = this.#core
    core.send(link, {
      kind: 'welcome',
      protocol: Math.min(protocolVersion, hello.protocolMax),
      group: core.group,
      history: core.history,
      server: core.id,
      connection: hello.connection,
    })
  }

  /** A server named in `servers` by its name, whatever its incarnation; anybody else by the host he comes from. */
  #placeOf(guest: Guest, hello: Hello): string {
    const name = hello.server === undefined ? undefined : nameOf(hello.server)
    return name !== undefined && this.#core.options.servers.has(name) ? name : hostOf(guest.remote)
  }

  #refuse(guest: Guest, hello: Hello, code: RefusalCode, text: string = refusals[code].text): void {
    this.report(this.#placeOf(guest, hello), code, text)
    this.#core.send(guest.link, { kind: 'unwelcome', code, text, connection: hello.connection })
    this.dismiss(guest.link, code)
  }
}

/** Clients and administrators may be anybody; servers are named. */
function isVisitor({ purpose }: Guest): boolean {
  return purpose === 'client' || purpose === 'admin'
}

/** An address without its port: what stays the same from one connection of a peer to the next. */
function hostOf(remote: string): string {
  const colon = remote.lastIndexOf(':')
  return colon === -1 ? remote : remote.slice(0, colon)
}
