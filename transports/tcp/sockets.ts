import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Address } from '../address.ts'

/** Where sockets come from. Whatever is laid between the bytes and the network takes the place of `plainSockets`. */
export interface Sockets {
  /** Begins to connect; calls `ready` once when bytes can be written. */
  connect(to: Address, ready: () => void): Socket
  /** A server that calls `accept` with each socket that is ready. */
  createServer(accept: (socket: Socket) => void): Server
}

/** A peer whose machine vanished without a word is noticed by the kernel's probes after this much silence. */
const keepAliveInitialDelay = 30_000

/** TCP as it is: no delay for small writes, probes for silent peers. */
export const plainSockets: Sockets = {
  connect: ({ host, port }, ready) =>
    connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay }, ready),
  createServer: (accept) => createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay }, accept),
}
