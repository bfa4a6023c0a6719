import { type Address, formatAddress, parseAddress } from '../address.ts'
import type { OpenPipe, Pipe, PipeEvents } from '../pipe.ts'
import { MemoryPipe } from './memory-pipe.ts'

/** Takes in the far end of a pipe, or says false. */
export type AcceptPipe = (remote: Address, open: OpenPipe) => boolean

/**
 * A network inside one process: transports listen at its addresses and dial them.
 * Invariant: whatever goes through the hub arrives in a later turn of the event loop, in the order in which it was
 * sent.
 */
export class MemoryHub {
  readonly #listeners = new Map<string, AcceptPipe>()
  #portLast = 0
  #remoteLast = 0
  #parcels: (() => void)[] = []

  /** Port 0 stands for a port that is free. */
  listen(address: string, accept: AcceptPipe): Address {
    const { host, port } = parseAddress(address)
    const bound = { host, port: port === 0 ? this.#freePort(host) : port }
    const name = formatAddress(bound)
    if (this.#listeners.has(name)) throw new Error(`cannot listen on ${name}: another transport listens there already`)
    this.#listeners.set(name, accept)
    return bound
  }

  unlisten(address: Address): void {
    this.#listeners.delete(formatAddress(address))
  }

  /** A pipe to whoever listens at `address` when the dial arrives. */
  dial(address: Address, events: PipeEvents): Pipe {
    const near = new MemoryPipe(this, events)
    this.later(() => this.#connect(near, formatAddress(address)))
    return near
  }

  /** Runs `parcel` in a later turn, behind everything that was given before. */
  later(parcel: () => void): void {
    if (this.#parcels.push(parcel) === 1) setImmediate(() => this.#deliver())
  }

  #connect(near: MemoryPipe, address: string): void {
    if (near.isDone) return
    const accept = this.#listeners.get(address)
    if (accept === undefined) near.report(`nobody listens at ${address}`, true)
    else {
      const remote = { host: 'memory', port: ++this.#remoteLast }
      const isTaken = accept(remote, (events) => near.join(new MemoryPipe(this, events)))
      near.opened()
      if (!isTaken) this.later(() => near.report('turned away', false))
    }
  }

  #deliver(): void {
    const parcels = this.#parcels
    this.#parcels = []
    let delivered = 0
    try {
      for (const parcel of parcels) {
        delivered++
        parcel()
      }
    } finally {
      // One who throws on delivery must not cost the others theirs.
      if (delivered < parcels.length) {
        this.#parcels = parcels.slice(delivered).concat(this.#parcels)
        setImmediate(() => this.#deliver())
      }
    }
  }

  #freePort(host: string): number {
    do this.#portLast++
    while (this.#listeners.has(formatAddress({ host, port: this.#portLast })))
    return this.#portLast
  }
}
