import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { ClientMachine, type ClientStats } from '../core/client/client-machine.ts'
import type { ClientEffect, ClientEvent, ClientInput } from '../core/client/io.ts'
import { unreachable } from '../core/lib/assert.ts'
import { refusals } from '../core/refusal.ts'
import type { Answer, Query, Transaction } from '../core/wire/command.ts'
import type { LinkInput } from '../core/wire/link.ts'
import { TcpTransport } from '../transports/tcp/tcp-transport.ts'
import { logClientEvent } from './cluster-log.ts'
import type { ConnectSettings } from './config.ts'
import { Documents, type Settled } from './documents.ts'
import { CoterieError, refusalError, textOf } from './errors.ts'
import type { Logger } from './logger.ts'
import { type Beat, type HostEffect, MachineHost } from './machine-host.ts'
import { PendingCalls } from './pending-calls.ts'

type Own = Exclude<ClientInput, Beat>
type Other = Exclude<ClientEffect, HostEffect>
type Refused = Extract<ClientEvent, { readonly kind: 'refused' }>

/** What a cluster tells its listeners, by the name of the event. */
export type ClusterEvents = {
  readonly [Kind in ClientEvent['kind']]: [Extract<ClientEvent, { readonly kind: Kind }>]
}

/** A connection of this process to the group: one client, whatever servers come and go. */
export class Cluster {
  readonly documents: Documents
  readonly #settings: ConnectSettings
  readonly #logger: Logger
  readonly #transport: TcpTransport
  readonly #machine: ClientMachine
  readonly #host: MachineHost<Own, Other>
  readonly #submits = new PendingCalls<Settled>()
  readonly #queries = new PendingCalls<Answer>()
  readonly #emitter = new EventEmitter()
  readonly #refusalsTold = new Set<string>()
  readonly #ended: Promise<void>
  #end: () => void = () => {}
  #lastCall = 0
  #isClosing = false
  /** Why no server takes us in, as far as the links tell. */
  #trouble = 'no server has answered yet'
  /** What the group said instead of taking us in; nothing that a link tells counts for more. */
  #refusal: Refused | undefined
  #whenAttached: (() => void) | undefined

  constructor(settings: ConnectSettings, logger: Logger) {
    this.#settings = settings
    this.#logger = logger
    this.#ended = new Promise((resolve) => {
      this.#end = resolve
    })
    this.#transport = new TcpTransport((input) => this.#onLink(input))
    this.#machine = new ClientMachine({ addresses: settings.addresses, group: undefined }, randomBytes(32))
    this.#host = new MachineHost<Own, Other>({
      machine: this.#machine,
      transport: this.#transport,
      startDisk: () => {},
      onEffect: (effect) => this.#onEffect(effect),
      onFailure: (error) => this.#onFailure(error),
    })
    this.documents = new Documents({
      submit: (transaction, about) => this.#submit(transaction, about),
      ask: (query, about) => this.#ask(query, about),
    })
  }

  /** Resolves when a server has taken this client in; rejects, and closes, when none does in time. */
  async start(): Promise<void> {
    const { connectTimeoutMs } = this.#settings
    const attached = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), connectTimeoutMs)
      this.#whenAttached = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
    this.#host.start()
    if (await attached) return
    await this.close()
    const about = `no server took this client in within ${connectTimeoutMs} ms`
    throw this.#withRefusal(new CoterieError('TIMEOUT', `${about}${this.#refusal ? '' : `: ${this.#trouble}`}`))
  }

  /** Takes no more calls, finishes those under way, says goodbye. */
  async close(): Promise<void> {
    if (!this.#isClosing) this.#host.feed({ kind: 'close' })
    this.#isClosing = true
    await this.#ended
  }

  /** What it took so far to keep this connection's promises. */
  stats(): ClientStats {
    return this.#machine.stats()
  }

  on<Kind extends ClientEvent['kind']>(event: Kind, listener: (event: ClusterEvents[Kind][0]) => void): this {
    this.#emitter.on(event, listener)
    return this
  }

  off<Kind extends ClientEvent['kind']>(event: Kind, listener: (event: ClusterEvents[Kind][0]) => void): this {
    this.#emitter.off(event, listener)
    return this
  }

  #submit(transaction: Transaction, about: string): Promise<Settled> {
    if (this.#isClosing) return Promise.reject(closed(about))
    const call = ++this.#lastCall
    const promise = this.#submits.open(call, about)
    this.#host.feed({ kind: 'submit', call, transaction, timeoutMs: this.#settings.timeoutMs })
    return promise
  }

  #ask(query: Query, about: string): Promise<Answer> {
    if (this.#isClosing) return Promise.reject(closed(about))
    const call = ++this.#lastCall
    const promise = this.#queries.open(call, about)
    this.#host.feed({ kind: 'query', call, query, timeoutMs: this.#settings.timeoutMs })
    return promise
  }

  #onLink(input: LinkInput): void {
    if (input.kind === 'closed') this.#trouble = input.reason
    this.#host.feed(input)
  }

  #onEffect(effect: Other): void {
    switch (effect.kind) {
      case 'settled':
        this.#submits.resolve(effect.call, effect)
        break
      case 'answered':
        this.#queries.resolve(effect.call, effect.answer)
        break
      case 'failed':
        this.#onFailed(effect)
        break
      case 'event':
        this.#onEvent(effect.event)
        break
      case 'done':
        void this.#host.stop().then(this.#end)
        break
      default:
        unreachable(effect)
    }
  }

  #onFailed({ call, code, executed }: Extract<Other, { readonly kind: 'failed' }>): void {
    const calls = this.#submits.has(call) ? this.#submits : this.#queries
    calls.reject(call, (about) => {
      const error = refusalError(code, executed, about)
      return code === 'TIMEOUT' ? this.#withRefusal(error) : error
    })
  }

  /** A timeout that has a reason names it, and has it as its cause. */
  #withRefusal(error: CoterieError): CoterieError {
    const refusal = this.#refusal
    if (refusal === undefined) return error
    const cause = new CoterieError(refusal.code, `${refusal.text} (${refusal.code})`, refusals[refusal.code].executed)
    return new CoterieError(error.code, `${error.message}: ${cause.message}`, error.executed, { cause })
  }

  #onEvent(event: ClientEvent): void {
    if (event.kind === 'attached') {
      this.#refusal = undefined
      this.#whenAttached?.()
    }
    if (event.kind === 'refused') this.#refusal = event
    if (!this.#wasTold(event)) logClientEvent(this.#logger, event)
    // Later: what a listener throws is not the machine's failure.
    queueMicrotask(() => this.#emitter.emit(event.kind, event))
  }

  /** The same refusal at every attempt is worth one line. */
  #wasTold(event: ClientEvent): boolean {
    if (event.kind !== 'refused') return false
    const text = `${event.code} ${event.text}`
    const wasTold = this.#refusalsTold.has(text)
    if (this.#refusalsTold.size < refusalsRemembered) this.#refusalsTold.add(text)
    return wasTold
  }

  #onFailure(error: unknown): void {
    this.#isClosing = true
    this.#logger.error({ err: error }, `the client stopped: ${textOf(error)}`)
    const fail = (executed: 'no' | 'unknown') => (about: string) =>
      new CoterieError('FAILED', `${about}: the client stopped: ${textOf(error)}`, executed, { cause: error })
    this.#submits.rejectAll(fail('unknown'))
    this.#queries.rejectAll(fail('no'))
    void this.#host.stop().then(this.#end)
  }
}

/** A bound for the log, not for what is refused. */
const refusalsRemembered = 100

function closed(about: string): CoterieError {
  return refusalError('CLOSED', refusals.CLOSED.executed, about)
}
