import type { Server, Socket } from 'node:net'
import { type Address, formatAddress, parseAddress } from '../address.ts'
import type { Links } from '../links.ts'
import { SocketPipe } from './socket-pipe.ts'
import type { Sockets } from './sockets.ts'

/** Connections that the kernel holds for us while a turn lasts: all clients of a group may come back at once. */
const kernelBacklog = 1_024

/** The open door of a TCP transport: every socket that comes in is offered to the links. */
export class TcpListener {
  readonly #server: Server

  constructor(sockets: Sockets, links: Links) {
    this.#server = sockets.createServer((socket) => offer(socket, links))
  }

  /** Binds; rejects with an error that says what is in the way. */
  listen(address: string): Promise<Address> {
    return new Promise((resolve, reject) => {
      const { host, port } = parseAddress(address)
      const server = this.#server
      server.once('error', (error) => reject(explain(error, address)))
      server.listen({ host, port, backlog: kernelBacklog }, () => {
        server.removeAllListeners('error')
        // A socket that can't be accepted (no file descriptors left) costs that socket alone.
        server.on('error', () => {})
        resolve(boundAddress(server, host, port))
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
    })
  }
}

function offer(socket: Socket, links: Links): void {
  const { remoteAddress, remotePort } = socket
  const isTaken =
    remoteAddress !== undefined &&
    remotePort !== undefined &&
    links.accept(
      plainHost(remoteAddress),
      formatAddress({ host: plainHost(remoteAddress), port: remotePort }),
      (events) => new SocketPipe(socket, events),
    )
  if (!isTaken) socket.destroy()
}

/** An IPv4 host seen through an IPv6 socket is the same host. */
function plainHost(host: string): string {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice('::ffff:'.length) : host
}

function boundAddress(server: Server, host: string, port: number): Address {
  const bound = server.address()
  return bound === null || typeof bound === 'string' ? { host, port } : { host: bound.address, port: bound.port }
}

const explanations: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'this process may not use that port',
  ENOTFOUND: 'the name is unknown',
}

function explain(error: NodeJS.ErrnoException, address: string): Error {
  return new Error(`cannot listen on ${address}: ${explanations[error.code ?? ''] ?? error.message}`, { cause: error })
}
