import { assert } from '../core/lib/assert.ts'
import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import { type Address, parseAddress } from './address.ts'
import { Connection, type ConnectionOwner, type Counters } from './connection.ts'
import type { OpenPipe, Pipe, PipeEvents } from './pipe.ts'
import { Sweep } from './sweep.ts'
import type { OnInput, TransportOptions, TransportStats } from './transport.ts'

/**
 * The links of one transport, whatever its pipes are made of: numbers, bounds, flushing, counters and the end of all.
 */
export class Links implements ConnectionOwner {
  readonly options: TransportOptions
  readonly counters: Counters = {
    bytesIn: 0,
    bytesOut: 0,
    framesIn: 0,
    framesOut: 0,
    writes: 0,
    dialled: 0,
    accepted: 0,
    checksumFailures: 0,
    oversized: 0,
    connectTimeouts: 0,
    handshakeTimeouts: 0,
    partialFrameTimeouts: 0,
    overflows: 0,
    halfOpenRefused: 0,
    acceptedRefused: 0,
  }
  readonly sweep: Sweep
  readonly #onInput: OnInput
  readonly #byLink = new Map<Link, Connection>()
  /** Every connection whose pipe is not gone, also those that are ending. */
  readonly #connections = new Set<Connection>()
  /** How many accepted connections each remote host has that are not admitted. */
  readonly #halfOpen = new Map<string, number>()
  #unflushed: Connection[] = []
  #acceptedLast = 0
  #acceptedNow = 0
  #whenEmpty: (() => void) | undefined
  #ending: Promise<void> | undefined

  constructor(onInput: OnInput, options: TransportOptions) {
    const { connectMs, handshakeMs, partialFrameMs, lingerMs } = options
    this.options = options
    this.#onInput = onInput
    this.sweep = new Sweep(Math.min(connectMs, handshakeMs, partialFrameMs, lingerMs) / 4, () => this.#checkDeadlines())
  }

  get isEnding(): boolean {
    return this.#ending !== undefined
  }

  get stats(): TransportStats {
    let halfOpen = 0
    for (const count of this.#halfOpen.values()) halfOpen += count
    let heldBytes = 0
    for (const connection of this.#connections) heldBytes += connection.heldBytes
    return { ...this.counters, links: this.#connections.size, halfOpen, heldBytes }
  }

  /** Opens a link over the pipe that `openTo` makes to the parsed address. */
  dial(link: Link, address: string, openTo: (to: Address, events: PipeEvents) => Pipe): void {
    assert(link > 0 && !this.#byLink.has(link), () => `link ${link} can't be dialled`)
    if (this.isEnding) return
    this.counters.dialled++
    this.#add(new Connection(this, link, undefined, (events) => dialPipe(address, events, openTo)))
  }

  /** Takes in a pipe from `host`, unless that would break a bound: then it says false and opens nothing. */
  accept(host: string, remote: string, open: OpenPipe): boolean {
    if (this.isEnding || !this.#hasRoomFor(host)) return false
    this.counters.accepted++
    this.#acceptedNow++
    this.#halfOpen.set(host, (this.#halfOpen.get(host) ?? 0) + 1)
    const link = -++this.#acceptedLast as Link
    this.#add(new Connection(this, link, host, open))
    this.input({ kind: 'accepted', link, remote })
    return true
  }

  send(link: Link, frame: Uint8Array): void {
    this.#byLink.get(link)?.send(frame)
  }

  flush(): void {
    const unflushed = this.#unflushed
    this.#unflushed = []
    for (const connection of unflushed) connection.flush()
  }

  admit(link: Link): void {
    this.#byLink.get(link)?.admit()
  }

  close(link: Link): void {
    this.#byLink.get(link)?.end()
  }

  backlog(link: Link): number {
    return this.#byLink.get(link)?.backlogBytes ?? 0
  }

  /** Ends every link; resolves when the last pipe is gone. */
  shutdown(): Promise<void> {
    this.#ending ??= new Promise((resolve) => {
      this.#whenEmpty = resolve
      for (const connection of this.#connections) connection.end()
      this.#checkEmpty()
    })
    return this.#ending
  }

  input(input: LinkInput): void {
    this.#onInput(input)
  }

  unflushed(connection: Connection): void {
    this.#unflushed.push(connection)
  }

  admitted(connection: Connection): void {
    const host = connection.acceptedFrom
    if (host === undefined) return
    const left = (this.#halfOpen.get(host) ?? 0) - 1
    assert(left >= 0, 'more links left the half-open ones than there were')
    if (left === 0) this.#halfOpen.delete(host)
    else this.#halfOpen.set(host, left)
  }

  left(connection: Connection): void {
    this.#byLink.delete(connection.link)
  }

  gone(connection: Connection): void {
    const wasHeld = this.#connections.delete(connection)
    assert(wasHeld, 'a connection went twice')
    if (connection.acceptedFrom !== undefined) {
      this.#acceptedNow--
      if (!connection.isAdmitted) this.admitted(connection)
    }
    this.#checkEmpty()
  }

  #add(connection: Connection): void {
    this.#byLink.set(connection.link, connection)
    this.#connections.add(connection)
    this.sweep.start()
  }

  #hasRoomFor(host: string): boolean {
    if (this.#acceptedNow >= this.options.acceptedMax) {
      this.counters.acceptedRefused++
      return false
    }
    if ((this.#halfOpen.get(host) ?? 0) >= this.options.halfOpenMax) {
      this.counters.halfOpenRefused++
      return false
    }
    return true
  }

  #checkDeadlines(): void {
    for (const connection of this.#connections) connection.checkDeadlines()
  }

  #checkEmpty(): void {
    if (this.#connections.size > 0) return
    this.sweep.stop()
    this.#whenEmpty?.()
  }
}

function dialPipe(address: string, events: PipeEvents, openTo: (to: Address, events: PipeEvents) => Pipe): Pipe {
  try {
    return openTo(parseAddress(address), events)
  } catch (error) {
    return brokenPipe(events, error instanceof Error ? error.message : String(error))
  }
}

/** A pipe to nowhere: reports its end in a later turn. */
function brokenPipe(events: PipeEvents, reason: string): Pipe {
  const report = setImmediate(() => events.closed(reason, false))
  return { queuedBytes: 0, write: () => {}, end: () => {}, destroy: () => clearImmediate(report) }
}
