import { must } from '../core/lib/assert.ts'
import { FrameReader, handshakeBytesMax } from '../core/wire/framer.ts'
import type { Link } from '../core/wire/ids.ts'
import type { Arrival } from './network-event.ts'
import type { Path } from './path.ts'

/** A machine in the network, with the links of the process that runs there. */
export interface Host {
  readonly name: string
  readonly links: Map<Link, End>
  lastAccepted: number
}

/** One side of a connection. Its accepting side exists from the dial on, without a link. */
export class End {
  readonly host: Host
  readonly address: string
  /** From this side to the other. */
  readonly path: Path<Arrival>
  readonly reader = new FrameReader(handshakeBytesMax)
  link = 0 as Link
  state: 'dialled' | 'opening' | 'open' | 'gone'
  admitted = false
  /** When the latest thing sent from this side arrives, clogs aside. */
  lastArrivalUs = 0
  /** Payloads that came out of the reader. */
  frames = 0
  /** A reset is on its way to this side. */
  resetting = false
  #peer: End | undefined

  constructor(host: Host, path: Path<Arrival>, address: string, state: 'dialled' | 'opening') {
    this.host = host
    this.path = path
    this.address = address
    this.state = state
  }

  get peer(): End {
    return must(this.#peer, 'a connection has two ends')
  }

  join(peer: End): void {
    this.#peer = peer
  }
}
