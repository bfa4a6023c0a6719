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

/** How often a refusal is told apart before they are no longer remembered: a bound for logs, not for refusing. */
const refusalsRemembered = 1000

/**
 * Accepts connections: greets who may come in, refuses everybody else with a code, and logs each kind of refusal once.
 * Invariant: at most one link per server and purpose; a younger one closes the older.
 */
export class Door {
  readonly #core: ServerCore
  readonly #guests = new Map<Link, Guest>()
  readonly #servers = new Map<string, Link>()
  readonly #told = new Set<string>()
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

  onAccepted(link: Link, remote: string): void {
    if (this.#guests.size < this.#core.options.limits.linksMax) {
      this.#guests.set(link, { link, remote, purpose: undefined, server: undefined, connection: 0 })
    } else this.#core.push({ kind: 'close', link, reason: 'too many connections' })
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

  #letIn(guest: Guest): void {
    this.#guests.set(guest.link, guest)
    this.#core.push({ kind: 'admit', link: guest.link })
    if (guest.server === undefined || guest.purpose === 'client' || guest.purpose === 'admin') return
    const key = `${guest.purpose} ${guest.server}`
    const older = this.#servers.get(key)
    if (older !== undefined) this.dismiss(older, 'a younger connection of the same server')
    this.#servers.set(key, guest.link)
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

  #refuse(guest: Guest, hello: Hello, code: RefusalCode): void {
    const { text } = refusals[code]
    this.report(this.#placeOf(guest, hello), code, text)
    this.#core.send(guest.link, { kind: 'unwelcome', code, text, connection: hello.connection })
    this.dismiss(guest.link, code)
  }
}

/** An address without its port: what stays the same from one connection of a peer to the next. */
function hostOf(remote: string): string {
  const colon = remote.lastIndexOf(':')
  return colon === -1 ? remote : remote.slice(0, colon)
}
