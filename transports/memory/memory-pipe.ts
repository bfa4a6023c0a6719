import type { Pipe, PipeEvents } from '../pipe.ts'
import type { MemoryHub } from './memory-hub.ts'

/** One end of a pipe through a hub. */
export class MemoryPipe implements Pipe {
  readonly #hub: MemoryHub
  readonly #events: PipeEvents
  #peer: MemoryPipe | undefined
  #isDone = false
  #queuedBytes = 0

  constructor(hub: MemoryHub, events: PipeEvents) {
    this.#hub = hub
    this.#events = events
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** It reported its end or was destroyed. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Makes `far` the other end; returns it. */
  join(far: MemoryPipe): MemoryPipe {
    this.#peer = far
    far.#peer = this
    return far
  }

  opened(): void {
    if (!this.#isDone) this.#events.opened()
  }

  /** Takes what the other end wrote. */
  receive(bytes: Uint8Array): void {
    if (!this.#isDone) this.#events.data(bytes)
  }

  write(bytes: Uint8Array): void {
    this.#queuedBytes += bytes.length
    this.#hub.later(() => {
      this.#queuedBytes -= bytes.length
      this.#peer?.receive(bytes)
    })
  }

  end(): void {
    this.#hub.later(() => this.#peer?.report('ended by the other side', false))
  }

  destroy(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#hub.later(() => this.#peer?.report('the connection was reset', false))
  }

  report(reason: string, refused: boolean): void {
    if (this.#isDone) return
    this.destroy()
    this.#events.closed(reason, refused)
  }
}
