import { assert } from '../../core/lib/assert.ts'
import type { Link } from '../../core/wire/ids.ts'
import { type Address, formatAddress } from '../address.ts'
import { Links } from '../links.ts'
import {
  type OnInput,
  type Transport,
  type TransportOptions,
  type TransportStats,
  transportDefaults,
} from '../transport.ts'
import type { MemoryHub } from './memory-hub.ts'

/** Frames between the machines of one process, through the same framer, caps and deadlines as over a network. */
export class MemoryTransport implements Transport {
  readonly #links: Links
  readonly #hub: MemoryHub
  #bound: Address | undefined

  constructor(hub: MemoryHub, onInput: OnInput, options: Partial<TransportOptions> = {}) {
    this.#links = new Links(onInput, { ...transportDefaults, ...options })
    this.#hub = hub
  }

  get stats(): TransportStats {
    return this.#links.stats
  }

  async listen(address: string): Promise<Address> {
    assert(this.#bound === undefined && !this.#links.isEnding, 'a transport listens once, before it is shut down')
    this.#bound = this.#hub.listen(address, (remote, open) =>
      this.#links.accept(remote.host, formatAddress(remote), open),
    )
    return this.#bound
  }

  dial(link: Link, address: string): void {
    this.#links.dial(link, address, (to, events) => this.#hub.dial(to, events))
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

  shutdown(): Promise<void> {
    if (this.#bound !== undefined) this.#hub.unlisten(this.#bound)
    return this.#links.shutdown()
  }
}
