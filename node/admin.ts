import { decodeMessage, encodeMessage } from '../core/wire/codec.ts'
import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import type { Message, Status } from '../core/wire/message.ts'
import { protocolVersion, protocolVersionMin } from '../core/wire/version.ts'
import { TcpTransport } from '../transports/tcp/tcp-transport.ts'
import { CoterieError } from './errors.ts'

const link = 1 as Link

/** A server that has just started does not answer a hello before its identity is on disk. */
const helloMs = 250

/** Nothing that was sent is worth waiting for when the question is over. */
const lingerMs = 100

/** Asks a server for its status. Throws `CoterieError` when there is none to be had in time. */
export async function queryStatus(address: string, timeoutMs: number): Promise<Status> {
  const question = new StatusQuestion(address)
  try {
    return await question.ask(timeoutMs)
  } finally {
    await question.close()
  }
}

/** One question on a link of its own. */
class StatusQuestion {
  readonly #address: string
  readonly #transport: TcpTransport
  readonly #timers: NodeJS.Timeout[] = []
  #isWelcome = false
  #resolve: (status: Status) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor(address: string) {
    this.#address = address
    this.#transport = new TcpTransport((input) => this.#onInput(input), { lingerMs })
  }

  ask(timeoutMs: number): Promise<Status> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#timers.push(setTimeout(() => this.#fail('no answer in time'), timeoutMs))
      this.#transport.dial(link, this.#address)
    })
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#transport.shutdown()
  }

  #onInput(input: LinkInput): void {
    if (input.kind === 'connected') this.#greet()
    else if (input.kind === 'closed') this.#fail(input.refused ? 'nobody listens there' : input.reason)
    else if (input.kind === 'frame') this.#onMessage(decodeMessage(input.frame))
  }

  #greet(): void {
    this.#sayHello()
    this.#timers.push(setInterval(() => this.#isWelcome || this.#sayHello(), helloMs))
  }

  #onMessage(message: Message | undefined): void {
    if (message?.kind === 'welcome') {
      this.#isWelcome = true
      this.#transport.admit(link)
      this.#send({ kind: 'status-query' })
    } else if (message?.kind === 'unwelcome') this.#fail(`${message.text} (${message.code})`)
    else if (message?.kind === 'status') this.#resolve(message.status)
    else this.#fail('what answers there is not a server of this version')
  }

  #sayHello(): void {
    this.#send({
      kind: 'hello',
      protocolMin: protocolVersionMin,
      protocolMax: protocolVersion,
      purpose: 'admin',
      group: undefined,
      history: undefined,
      server: undefined,
      address: '',
      connection: 1,
    })
  }

  #send(message: Message): void {
    this.#transport.send(link, encodeMessage(message))
    this.#transport.flush()
  }

  #fail(reason: string): void {
    this.#reject(new CoterieError('TIMEOUT', `can't get the status of ${this.#address}: ${reason}`))
  }
}
