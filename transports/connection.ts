import { assert } from '../core/lib/assert.ts'
import { FrameReader, frameBytesMax, frameHeaderBytes, handshakeBytesMax, writeFrames } from '../core/wire/framer.ts'
import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import type { OpenPipe, Pipe, PipeEvents } from './pipe.ts'
import type { Sweep } from './sweep.ts'
import type { TransportOptions, TransportStats } from './transport.ts'

export type Counters = { -readonly [Name in Exclude<keyof TransportStats, 'links' | 'halfOpen' | 'heldBytes'>]: number }

/** What a connection needs of the table that holds it. */
export interface ConnectionOwner {
  readonly options: TransportOptions
  readonly counters: Counters
  readonly sweep: Sweep
  input(input: LinkInput): void
  /** The connection has something to flush. */
  unflushed(connection: Connection): void
  /** The connection is not half-open any more. */
  admitted(connection: Connection): void
  /** The host hears nothing more of the link; its number is forgotten. */
  left(connection: Connection): void
  /** The pipe is gone. */
  gone(connection: Connection): void
}

/**
 * `opening` → `open` → `gone`; by way of `ending` when the host closed it and what was sent is still leaving, by way of
 * `failed` when it broke inside a call of the host, who must hear of it later.
 */
type Phase = 'opening' | 'open' | 'failed' | 'ending' | 'gone'

/**
 * One link over one pipe: framing, caps, deadlines, backlog and the end.
 * Invariant: the host hears `closed` at most once, and nothing of this link after it or after `end`.
 */
export class Connection implements PipeEvents {
  readonly link: Link
  /** The remote host of an accepted link. */
  readonly acceptedFrom: string | undefined
  readonly #owner: ConnectionOwner
  readonly #pipe: Pipe
  #phase: Phase
  #isAdmitted = false
  #reader = new FrameReader(handshakeBytesMax)
  #outbox: Uint8Array[] = []
  #outboxBytes = 0
  /** The tick that ends the phase, if the phase may not last. */
  #deadline: number | undefined
  /** The tick at which the unfinished frame must be finished, or have grown; and what had arrived when that was set. */
  #stallDeadline: number | undefined
  #stallBytes = 0
  #bytesIn = 0

  constructor(owner: ConnectionOwner, link: Link, acceptedFrom: string | undefined, open: OpenPipe) {
    const { connectMs, handshakeMs } = owner.options
    this.#owner = owner
    this.link = link
    this.acceptedFrom = acceptedFrom
    this.#phase = acceptedFrom === undefined ? 'opening' : 'open'
    this.#deadline = owner.sweep.after(acceptedFrom === undefined ? connectMs : handshakeMs)
    this.#pipe = open(this)
  }

  get isAdmitted(): boolean {
    return this.#isAdmitted
  }

  get backlogBytes(): number {
    return this.#outboxBytes + this.#pipe.queuedBytes
  }

  get heldBytes(): number {
    return this.backlogBytes + this.#reader.pendingBytes
  }

  opened(): void {
    if (this.#phase !== 'opening') return
    this.#phase = 'open'
    this.#deadline = this.#owner.sweep.after(this.#owner.options.handshakeMs)
    this.#owner.input({ kind: 'connected', link: this.link })
    this.flush()
  }

  /** The host may end the link at any frame: it then finds a reader that has no more. */
  data(chunk: Uint8Array): void {
    if (!this.#isOpen()) return
    this.#bytesIn += chunk.length
    this.#owner.counters.bytesIn += chunk.length
    this.#reader.feed(chunk)
    let finished = false
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      finished = true
      this.#owner.counters.framesIn++
      this.#owner.input({ kind: 'frame', link: this.link, frame })
    }
    if (this.#reader.failure !== undefined) this.#brokeFraming()
    else this.#watchForStall(finished)
  }

  closed(reason: string, refused: boolean): void {
    if (this.#phase === 'opening' || this.#phase === 'open') this.#fail(reason, refused)
    else if (this.#phase === 'ending') this.#giveUp()
  }

  send(frame: Uint8Array): void {
    assert(frame.length > 0 && frame.length <= frameBytesMax, () => `a frame can't carry ${frame.length} bytes`)
    if (this.#phase !== 'open' && this.#phase !== 'opening') return
    if (this.#outbox.length === 0) this.#owner.unflushed(this)
    this.#outbox.push(frame)
    this.#outboxBytes += frame.length + frameHeaderBytes
    if (this.backlogBytes > this.#owner.options.sendBytesMax) this.#overflow()
  }

  /** One write for all that was sent; while the pipe is opening it waits. */
  flush(): void {
    if (this.#phase !== 'open' || this.#outbox.length === 0) return
    const { counters } = this.#owner
    counters.writes++
    counters.framesOut += this.#outbox.length
    counters.bytesOut += this.#outboxBytes
    const bytes = writeFrames(this.#outbox)
    this.#dropOutbox()
    this.#pipe.write(bytes)
  }

  admit(): void {
    if (this.#phase !== 'open' || this.#isAdmitted) return
    this.#isAdmitted = true
    this.#deadline = undefined
    this.#reader.frameBytesMax = frameBytesMax
    this.#owner.admitted(this)
  }

  /**
   * Closes for the host: silent at once, gone when what was sent has left and the other side is done, or the time for
   * that is up.
   */
  end(): void {
    if (this.#phase === 'open') this.#linger()
    else if (this.#phase === 'opening' || this.#phase === 'failed') this.#giveUp()
  }

  /** Ends what has taken too long at this tick. */
  checkDeadlines(): void {
    const { tick } = this.#owner.sweep
    if (this.#deadline !== undefined && tick >= this.#deadline) this.#tookTooLong()
    else if (this.#stallDeadline !== undefined && tick >= this.#stallDeadline) this.#checkStall()
  }

  #linger(): void {
    this.flush()
    this.#phase = 'ending'
    this.#reader = new FrameReader(0)
    this.#stallDeadline = undefined
    this.#deadline = this.#owner.sweep.after(this.#owner.options.lingerMs)
    this.#owner.left(this)
    this.#pipe.end()
  }

  #isOpen(): boolean {
    return this.#phase === 'open'
  }

  #brokeFraming(): void {
    const isOversized = this.#reader.failure === 'oversized'
    if (isOversized) this.#owner.counters.oversized++
    else this.#owner.counters.checksumFailures++
    this.#fail(isOversized ? 'a frame exceeds its size limit' : 'a frame does not match its checksum')
  }

  #tookTooLong(): void {
    const { counters } = this.#owner
    if (this.#phase === 'ending') this.#giveUp()
    else if (this.#phase === 'opening') {
      counters.connectTimeouts++
      this.#fail('connecting took too long')
    } else {
      counters.handshakeTimeouts++
      this.#fail('the handshake took too long')
    }
  }

  #watchForStall(finished: boolean): void {
    if (this.#reader.pendingBytes === 0) this.#stallDeadline = undefined
    else if (finished || this.#stallDeadline === undefined) this.#startStallWatch()
  }

  #startStallWatch(): void {
    this.#stallDeadline = this.#owner.sweep.after(this.#owner.options.partialFrameMs)
    this.#stallBytes = this.#bytesIn
  }

  #checkStall(): void {
    if (this.#bytesIn - this.#stallBytes >= this.#owner.options.partialFrameBytesMin) this.#startStallWatch()
    else {
      this.#owner.counters.partialFrameTimeouts++
      this.#fail('a frame stopped arriving')
    }
  }

  #overflow(): void {
    this.#owner.counters.overflows++
    this.#phase = 'failed'
    this.#deadline = undefined
    this.#stallDeadline = undefined
    this.#reader = new FrameReader(0)
    this.#dropOutbox()
    this.#pipe.destroy()
    setImmediate(() => {
      if (this.#phase !== 'failed') return
      this.#giveUp()
      const reason = 'the other side does not read what is sent to it'
      this.#owner.input({ kind: 'closed', link: this.link, refused: false, reason, unread: true })
    })
  }

  #fail(reason: string, refused = false): void {
    this.#giveUp()
    this.#owner.input({ kind: 'closed', link: this.link, refused, reason })
  }

  #giveUp(): void {
    this.#phase = 'gone'
    this.#deadline = undefined
    this.#stallDeadline = undefined
    this.#reader = new FrameReader(0)
    this.#dropOutbox()
    this.#pipe.destroy()
    this.#owner.left(this)
    this.#owner.gone(this)
  }

  #dropOutbox(): void {
    this.#outbox = []
    this.#outboxBytes = 0
  }
}
