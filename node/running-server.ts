import { EventEmitter } from 'node:events'
import type { ServerEffect, ServerEvent, ServerInput, StopReason } from '../core/server/io.ts'
import type { ServerMachine } from '../core/server/server-machine.ts'
import type { Status } from '../core/wire/message.ts'
import { formatAddress } from '../transports/address.ts'
import { TcpTransport } from '../transports/tcp/tcp-transport.ts'
import { markBurnt } from './burnt-folder.ts'
import type { NodeDisk } from './disk.ts'
import { CoterieError, textOf } from './errors.ts'
import type { Logger } from './logger.ts'
import { type Beat, type HostEffect, MachineHost } from './machine-host.ts'
import { logServerEvent } from './server-log.ts'

/** Why a server is not there any more. `failed`: a defect of ours; `error` is what was thrown. */
export interface ServerEnd {
  readonly reason: StopReason | 'failed'
  readonly text: string
  readonly error?: unknown
}

/** Where a server's files are. */
export interface ServerFiles {
  readonly folder: string
  /** Whose folder it is, for the marker of a burnt one. */
  readonly owner: string
  readonly disk: Pick<NodeDisk, 'start' | 'reader' | 'close'>
}

type Own = Exclude<ServerInput, Beat>
type Other = Exclude<ServerEffect, HostEffect>

/** What comes before the words of the machine or of the system, where they alone would not help. */
const explanations: Partial<Readonly<Record<StopReason, string>>> = {
  'disk-full': 'the disk is full, and nothing that was acknowledged is lost; make room and start again: ',
  'disk-failed': 'the disk failed: ',
}

/** A server machine with sockets, files and a clock, from its start to its end. */
export class RunningServer {
  readonly name: string
  readonly done: Promise<ServerEnd>
  readonly #machine: ServerMachine
  readonly #transport: TcpTransport
  readonly #host: MachineHost<Own, Other>
  readonly #files: ServerFiles | undefined
  readonly #logger: Logger
  readonly #emitter = new EventEmitter<{ event: [ServerEvent] }>()
  #address = ''
  #resolveDone: (end: ServerEnd) => void = () => {}

  constructor(name: string, machine: ServerMachine, files: ServerFiles | undefined, logger: Logger) {
    this.name = name
    this.#machine = machine
    this.#files = files
    this.#logger = logger
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve
    })
    this.#transport = new TcpTransport((input) => this.#host.feed(input))
    const disk = files?.disk
    const onDone = (input: Extract<Own, { kind: 'disk-done' }>) => this.#host.feed(input)
    this.#host = new MachineHost<Own, Other>({
      machine,
      transport: this.#transport,
      startDisk: (op) => disk?.start(op, onDone),
      onEffect: (effect) => this.#onEffect(effect),
      onFailure: (error) => void this.#end({ reason: 'failed', text: textOf(error), error }),
    })
  }

  get address(): string {
    return this.#address
  }

  /**
   * Opens the door, then gives the machine its first tick. Throws `CoterieError` when the address can't be had: the
   * files are still open.
   */
  async start(listen: string): Promise<void> {
    try {
      this.#address = formatAddress(await this.#transport.listen(listen))
    } catch (error) {
      await this.#host.stop()
      throw new CoterieError('CANNOT_START', textOf(error), 'no', { cause: error })
    }
    this.#logger.info({ address: this.#address }, `server ${this.name} listens on ${this.#address}`)
    this.#host.start()
  }

  status(): Status {
    return this.#machine.status()
  }

  async close(): Promise<void> {
    this.#host.feed({ kind: 'shutdown' })
    await this.done
  }

  on(event: 'event', listener: (event: ServerEvent) => void): this {
    this.#emitter.on(event, listener)
    return this
  }

  off(event: 'event', listener: (event: ServerEvent) => void): this {
    this.#emitter.off(event, listener)
    return this
  }

  #onEffect(effect: Other): void {
    if (effect.kind === 'stop') {
      const { reason, text } = effect
      // At once: were the process to die first, its next start would use the identity again.
      const fate = effect.burnt ? this.#burn() : ''
      void this.#end({ reason, text: `${explanations[reason] ?? ''}${text}${fate}` })
      return
    }
    logServerEvent(this.#logger, effect.event)
    // Later: what a listener throws is not the machine's failure.
    queueMicrotask(() => this.#emitter.emit('event', effect.event))
  }

  /** Returns what becomes of the folder, for people. */
  #burn(): string {
    if (this.#files === undefined) return ''
    const { folder, owner } = this.#files
    try {
      markBurnt(folder, owner)
      return `; the next start sets the files in ${folder} aside and joins the group as a new incarnation`
    } catch (error) {
      return `; empty ${folder} before the next start, for this could not be noted there: ${textOf(error)}`
    }
  }

  async #end(end: ServerEnd): Promise<void> {
    const level = end.reason === 'stopped' ? 'info' : 'error'
    this.#logger[level]({ reason: end.reason, err: end.error }, `server ${this.name} stopped: ${end.text}`)
    await this.#host.stop()
    await this.#files?.disk.close()
    this.#resolveDone(end)
  }
}
