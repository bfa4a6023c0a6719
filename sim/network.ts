import { assert, unreachable } from '../core/lib/assert.ts'
import { frameBytesMax } from '../core/wire/framer.ts'
import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import { End, type Host } from './end.ts'
import { FrameSlab } from './frame-slab.ts'
import {
  type Arrival,
  type Control,
  type NetworkCounters,
  type NetworkDeadlines,
  type NetworkEvent,
  noCounts,
} from './network-event.ts'
import type { Path } from './path.ts'
import { Paths } from './paths.ts'
import type { Dice } from './prng.ts'

/** What the network needs of the world around it. */
export interface NetworkWorld {
  readonly dice: Dice
  readonly nowUs: () => number
  /** Plans an event of the network; the world hands it back to `deliver` when its time has come. */
  readonly schedule: (delayUs: number, event: NetworkEvent) => void
  /** Brings a host what its links have for it. It may call the network back at once. */
  readonly input: (host: string, input: LinkInput) => void
}

/**
 * The network of a simulated world. It carries real bytes between hosts through the real framer, over connections with
 * directed faults.
 * Invariant: every fault but a full queue strikes at arrival: what is under way when a cut begins is lost, what arrives
 * after it is not.
 * Invariant: a link that its host closed, or that crashed with it, never yields an input again.
 * Not here: when faults begin and end, and what a frame says.
 */
export class Network {
  /** Cuts, clogs and the weather. */
  readonly paths: Paths<Arrival>
  readonly #world: NetworkWorld
  readonly #deadlines: NetworkDeadlines
  readonly #hosts = new Map<string, Host>()
  readonly #listeners = new Map<string, Host>()
  /** Who listens, or did last, at an address: a crashed process leaves a machine that refuses. */
  readonly #owners = new Map<string, Host>()
  readonly #counters = { ...noCounts }
  readonly #slab = new FrameSlab()

  constructor(world: NetworkWorld, deadlines: Partial<NetworkDeadlines> = {}) {
    this.#world = world
    this.paths = new Paths<Arrival>(world.dice, world.nowUs, (delayUs, path) =>
      world.schedule(delayUs, { kind: 'net-unclog', path }),
    )
    this.#deadlines = { dialUs: 3_000_000, handshakeUs: 5_000_000, partialFrameUs: 10_000_000, ...deadlines }
  }

  get counters(): NetworkCounters {
    return this.#counters
  }

  /** Links of a host that are open or opening. */
  linkCount(host: string): number {
    return this.#hostNamed(host).links.size
  }

  listen(host: string, address: string): void {
    assert(!this.#listeners.has(address), () => `two hosts listen at ${address}`)
    const listener = this.#hostNamed(host)
    this.#listeners.set(address, listener)
    this.#owners.set(address, listener)
  }

  unlisten(address: string): void {
    this.#listeners.delete(address)
  }

  dial(host: string, link: Link, address: string): void {
    const from = this.#hostNamed(host)
    assert(link > 0 && !from.links.has(link), () => `${host} dials link ${link} twice`)
    const to = this.#owners.get(address) ?? this.#hostNamed(address.slice(0, address.lastIndexOf(':')))
    const dialling = new End(from, this.paths.between(from.name, to.name), address, 'opening')
    const accepting = new End(to, this.paths.between(to.name, from.name), address, 'dialled')
    dialling.join(accepting)
    accepting.join(dialling)
    dialling.link = link
    from.links.set(link, dialling)
    this.#counters.dials++
    this.#control(dialling, 'dial')
    this.#plan(dialling, 'dialUs')
  }

  send(host: string, link: Link, payload: Uint8Array): void {
    const end = this.#hostNamed(host).links.get(link)
    if (end === undefined || end.state !== 'open') {
      this.#counters.strays++
      return
    }
    const path = end.path
    if (path.framesUnderWay >= path.settings.queueFramesMax) {
      this.#counters.overflowed++
      return
    }
    path.framesUnderWay++
    const event = { kind: 'net-frame', to: end.peer, bytes: this.#slab.encode(payload), copy: false } as const
    this.#world.schedule(this.#delayUs(end, path.strikes('reorder')), event)
  }

  /** The host at the other side of a link; undefined when the link is gone. */
  peerOf(host: string, link: Link): string | undefined {
    return this.#hostNamed(host).links.get(link)?.peer.host.name
  }

  /** Lifts the small cap of the handshake, and its deadline. */
  admit(host: string, link: Link): void {
    const end = this.#hostNamed(host).links.get(link)
    if (end === undefined) return
    end.admitted = true
    end.reader.frameBytesMax = frameBytesMax
  }

  /** Ends a link behind what was sent on it. Closing one that is gone does nothing. */
  close(host: string, link: Link): void {
    const end = this.#hostNamed(host).links.get(link)
    if (end === undefined) return
    if (end.state === 'open') this.#control(end, 'finish')
    this.#forget(end)
  }

  /**
   * The process on this host dies: nothing listens any more, and its peers are reset unless a cut keeps it from them.
   */
  crash(host: string): void {
    const { links } = this.#hostNamed(host)
    for (const [address, listener] of this.#listeners) if (listener.name === host) this.#listeners.delete(address)
    for (const end of [...links.values()]) {
      this.#forget(end)
      this.#reset(end.peer)
    }
  }

  /** Breaks every connection between two hosts; both sides hear of it. */
  sever(host: string, other: string): void {
    for (const end of [...this.#hostNamed(host).links.values()])
      if (end.peer.host.name === other) this.#break(end, 'severed')
  }

  /** Carries out an event that the network had planned and whose time has come. */
  deliver(event: NetworkEvent): void {
    switch (event.kind) {
      case 'net-frame':
      case 'net-control': {
        const { path } = event.to.peer
        if (path.clogUntilUs === undefined) this.#arrive(event, path)
        else {
          this.#counters.clogged++
          path.hold(event)
        }
        break
      }
      case 'net-deadline':
        this.#expire(event.end, event.of, event.frames)
        break
      case 'net-unclog':
        for (const held of this.paths.release(event.path)) this.deliver(held)
        break
      default:
        unreachable(event)
    }
  }

  #arrive(event: Arrival, path: Path<Arrival>): void {
    if (event.kind === 'net-frame') path.framesUnderWay--
    if (event.kind === 'net-control' && event.control === 'reset') event.to.resetting = false
    if (path.cut) this.#counters.cutDrops++
    else if (event.kind === 'net-frame') this.#arriveFrame(event.to, event.bytes, event.copy, path)
    else this.#arriveControl(event.to, event.control)
  }

  #arriveFrame(to: End, bytes: Uint8Array, copy: boolean, path: Path<Arrival>): void {
    if (to.state !== 'open') {
      this.#counters.strays++
      if (to.state === 'gone') this.#reset(to.peer)
      return
    }
    if (path.strikes('loss')) {
      this.#counters.lost++
      return
    }
    if (!copy && path.strikes('duplication')) {
      this.#counters.duplicated++
      path.framesUnderWay++
      this.#world.schedule(path.drawLatencyUs(), { kind: 'net-frame', to, bytes, copy: true })
    }
    if (path.strikes('corruption')) {
      this.#counters.corrupted++
      this.#read(to, path.corrupted(bytes))
    } else this.#read(to, bytes)
  }

  #read(to: End, bytes: Uint8Array): void {
    const { reader } = to
    reader.feed(bytes)
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      to.frames++
      this.#counters.delivered++
      this.#counters.bytes += frame.length
      this.#world.input(to.host.name, { kind: 'frame', link: to.link, frame })
      if (to.state !== 'open') return
    }
    if (reader.failure !== undefined) {
      this.#counters.rejected++
      this.#break(to, reader.failure)
    } else if (reader.pendingBytes > 0) this.#plan(to, 'partialFrameUs')
  }

  #arriveControl(to: End, control: Control): void {
    switch (control) {
      case 'dial':
        this.#accept(to)
        break
      case 'accept':
        this.#connect(to)
        break
      case 'refuse':
        if (to.state !== 'opening') break
        this.#counters.refused++
        this.#end(to, true, 'refused')
        break
      case 'finish':
        this.#end(to, false, 'closed by the other side')
        break
      case 'reset':
        if (to.state !== 'gone') this.#counters.resets++
        this.#end(to, false, 'reset')
        break
      default:
        unreachable(control)
    }
  }

  #accept(to: End): void {
    if (this.#listeners.get(to.address) !== to.host) {
      to.state = 'gone'
      this.#control(to, 'refuse')
      return
    }
    to.state = 'open'
    to.link = --to.host.lastAccepted as Link
    to.host.links.set(to.link, to)
    this.#control(to, 'accept')
    this.#plan(to, 'handshakeUs')
    const remote = `${to.peer.host.name}:${to.peer.link}`
    this.#world.input(to.host.name, { kind: 'accepted', link: to.link, remote })
  }

  #connect(to: End): void {
    if (to.state === 'gone') this.#reset(to.peer)
    if (to.state !== 'opening') return
    to.state = 'open'
    this.#plan(to, 'handshakeUs')
    this.#world.input(to.host.name, { kind: 'connected', link: to.link })
  }

  #expire(end: End, of: keyof NetworkDeadlines, frames: number): void {
    switch (of) {
      case 'dialUs':
        if (end.state !== 'opening') break
        this.#counters.timedOut++
        this.#end(end, false, 'nobody answered in time')
        break
      case 'handshakeUs':
        if (end.state === 'open' && !end.admitted) this.#break(end, 'the handshake took too long')
        break
      case 'partialFrameUs':
        if (end.state === 'open' && end.frames === frames && end.reader.pendingBytes > 0)
          this.#break(end, 'a frame took too long')
        break
      default:
        unreachable(of)
    }
  }

  /** This side's transport gives the connection up; the other side hears of it later. */
  #break(end: End, reason: string): void {
    this.#reset(end.peer)
    this.#end(end, false, reason)
  }

  #end(end: End, refused: boolean, reason: string): void {
    if (end.state === 'gone' || end.state === 'dialled') return
    this.#forget(end)
    this.#world.input(end.host.name, { kind: 'closed', link: end.link, refused, reason })
  }

  #forget(end: End): void {
    end.state = 'gone'
    end.host.links.delete(end.link)
  }

  /**
   * Tells a side that the other one is gone. One reset at a time: a cut may swallow it, then the next stray frame
   * brings another.
   */
  #reset(to: End): void {
    if (to.resetting || to.state === 'gone' || to.state === 'dialled') return
    to.resetting = true
    this.#world.schedule(to.peer.path.drawLatencyUs(), { kind: 'net-control', to, control: 'reset' })
  }

  #control(from: End, control: Control): void {
    this.#world.schedule(this.#delayUs(from, false), { kind: 'net-control', to: from.peer, control })
  }

  #plan(end: End, of: keyof NetworkDeadlines): void {
    this.#world.schedule(this.#deadlines[of], { kind: 'net-deadline', end, of, frames: end.frames })
  }

  /**
   * How long what this side sends now is under way; unless it is `free`, it does not arrive before what was sent
   * earlier.
   */
  #delayUs(from: End, free: boolean): number {
    const nowUs = this.#world.nowUs()
    const arrivalUs = nowUs + from.path.drawLatencyUs()
    if (arrivalUs >= from.lastArrivalUs) from.lastArrivalUs = arrivalUs
    else if (free) this.#counters.reordered++
    else return from.lastArrivalUs - nowUs
    return arrivalUs - nowUs
  }

  #hostNamed(name: string): Host {
    const known = this.#hosts.get(name)
    if (known !== undefined) return known
    const host: Host = { name, links: new Map(), lastAccepted: 0 }
    this.#hosts.set(name, host)
    return host
  }
}
