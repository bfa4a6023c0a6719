import type { Address } from '../address.ts'
import type { PipeEvents } from '../pipe.ts'
import { SocketPipe } from './socket-pipe.ts'
import type { Sockets } from './sockets.ts'

/** A pipe to an address whose name, if it is one, is resolved now. */
export function dialTcp(sockets: Sockets, to: Address, events: PipeEvents): SocketPipe {
  const pipe: SocketPipe = new SocketPipe(
    sockets.connect(to, () => pipe.opened()),
    events,
  )
  return pipe
}
