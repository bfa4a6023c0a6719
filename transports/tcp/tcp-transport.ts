import { assert } from '../../core/lib/assert.ts'
import type { Link } from '../../core/wire/ids.ts'
import type { Address } from '../address.ts'
import { Links } from '../links.ts'
import {
  type OnInput,
  type Transport,
  type TransportOptions,
  type TransportStats,
  transportDefaults,
} from '../transport.ts'
import { dialTcp } from './dialer.ts'
import { TcpListener } from './listener.ts'
import { plainSockets, type Sockets } from './sockets.ts'

/** Frames over TCP. */
export class TcpTransport implements Transport {
  readonly #links: Links
  readonly #sockets: Sockets
  #listener: TcpListener | undefined

  constructor(onInput: OnInput, options: Partial<TransportOptions> = {}, sockets: Sockets = plainSockets) {
    this.#links = new Links(onInput, { ...transportDefaults, ...options })
    this.#sockets = sockets
  }

  get stats(): TransportStats {
    return this.#links.stats
  }

  async listen(address: string): Promise<Address> {
    assert(this.#listener === undefined && !this.#links.isEnding, 'a transport listens once, before it is shut down')
    this.#listener = new TcpListener(this.#sockets, this.#links)
    try {
      return await this.#listener.listen(address)
    } catch (error) {
      this.#listener = undefined
      throw error
    }
  }

  dial(link: Link, address: string): void {
    this.#links.dial(link, address, (to, events) => dialTcp(this.#sockets, to, events))
  }

  send(link: Link, frame: Uint8Array): void {
    this.#links.send(link, frame)
  }

  flush(): void {
    this.#links.flush()
  }

  admit(link: Link): void {
    this.#links.admit(link)
  }

  close(link: Link, _reason: string): void {
    this.#links.close(link)
  }

  backlog(link: Link): number {
    return this.#links.backlog(link)
  }

  async shutdown(): Promise<void> {
    await Promise.all([this.#listener?.close(), this.#links.shutdown()])
  }
}
