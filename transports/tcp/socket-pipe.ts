import type { Socket } from 'node:net'
import type { Pipe, PipeEvents } from '../pipe.ts'

/**
 * A socket as a pipe.
 * Invariant: `closed` is reported at most once, and nothing after it or after `destroy`, whatever the socket still
 * emits.
 */
export class SocketPipe implements Pipe {
  readonly #socket: Socket
  readonly #events: PipeEvents
  #isDone = false

  constructor(socket: Socket, events: PipeEvents) {
    this.#socket = socket
    this.#events = events
    socket.on('data', (chunk: Buffer) => {
      if (!this.#isDone) events.data(chunk)
    })
    socket.on('end', () => this.#report('ended by the other side', false))
    socket.on('error', (error) => this.#report(reasonOf(error), isRefusal(error)))
    socket.on('close', () => this.#report('the connection is gone', false))
  }

  get queuedBytes(): number {
    return this.#socket.writableLength
  }

  /**
   * The dialled socket is ready. On one machine a dial to a free port can meet itself: the kernel may have picked that
   * very port to dial from. Nobody listens there.
   */
  opened(): void {
    const { localPort, remotePort, localAddress, remoteAddress } = this.#socket
    if (localPort === remotePort && localAddress === remoteAddress) this.#report('connected to itself', true)
    else if (!this.#isDone) this.#events.opened()
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#isDone = true
    this.#socket.destroy()
  }

  #report(reason: string, refused: boolean): void {
    if (this.#isDone) return
    this.destroy()
    this.#events.closed(reason, refused)
  }
}

/** A name with several addresses is tried at each of them, and fails with an error for each. */
function errorsOf(error: Error): readonly Error[] {
  return error instanceof AggregateError && error.errors.length > 0 ? error.errors : [error]
}

function isRefusal(error: Error): boolean {
  return errorsOf(error).every((each) => 'code' in each && each.code === 'ECONNREFUSED')
}

function reasonOf(error: Error): string {
  return errorsOf(error)
    .map((each) => each.message)
    .join('; ')
}
