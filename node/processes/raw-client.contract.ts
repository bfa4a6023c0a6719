import { connect, type Socket } from 'node:net'
import { decodeMessage, encodeMessage } from '../../core/wire/codec.ts'
import { encodeFrame, FrameReader, frameBytesMax } from '../../core/wire/framer.ts'
import type { Message } from '../../core/wire/message.ts'
import { protocolVersion, protocolVersionMin } from '../../core/wire/version.ts'
import { parseAddress } from '../../transports/address.ts'

type Hello = Extract<Message, { readonly kind: 'hello' }>

/** An operator's hello, or one that differs from it. */
export function hello(fields: Partial<Hello> = {}): Message {
  return {
    kind: 'hello',
    protocolMin: protocolVersionMin,
    protocolMax: protocolVersion,
    purpose: 'admin',
    group: undefined,
    history: undefined,
    server: undefined,
    address: '',
    connection: 1,
    ...fields,
  }
}

/** A connection that sends whatever bytes it likes. */
export class RawClient {
  /** Resolves when the other side has closed, or this one has. */
  readonly closed: Promise<void>
  readonly messages: Message[] = []
  readonly #socket: Socket
  readonly #reader = new FrameReader(frameBytesMax)
  readonly #awaited: { readonly count: number; readonly resolve: () => void }[] = []
  #isClosed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk) => this.#take(chunk))
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isClosed = true
        resolve()
      })
    })
  }

  static connect(address: string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...parseAddress(address), noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new RawClient(socket))
      })
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  send(message: Message): void {
    this.write(encodeFrame(encodeMessage(message)))
  }

  /** Says that nothing more will come. */
  end(): void {
    this.#socket.end()
  }

  /** Resolves when so many messages have come; rejects when the connection ends before. */
  async heard(count: number): Promise<void> {
    if (this.messages.length >= count) return
    const enough = new Promise<void>((resolve) => this.#awaited.push({ count, resolve }))
    await Promise.race([enough, this.closed])
    if (this.messages.length < count) throw new Error(`closed after ${this.messages.length} messages, not ${count}`)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #take(chunk: Uint8Array): void {
    this.#reader.feed(chunk)
    for (let frame = this.#reader.next(); frame !== undefined; frame = this.#reader.next()) {
      const message = decodeMessage(frame)
      if (message === undefined) throw new Error('a server said something that can not be read')
      this.messages.push(message)
    }
    for (const { count, resolve } of this.#awaited) if (this.messages.length >= count) resolve()
  }
}
