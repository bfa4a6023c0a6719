import { ClientMachine } from '../core/client/client-machine.ts'
import type { ClientEffect, ClientInput } from '../core/client/io.ts'
import type { ClientOptions } from '../core/client/options.ts'
import type { LocalClock } from './clock.ts'
import type { Network } from './network.ts'
import type { Dice } from './prng.ts'
import { type ProcessWorld, SimProcess } from './process.ts'

/** What came of a call, or how the client fares. */
export type ClientNews = Exclude<ClientEffect, { kind: 'dial' | 'send' | 'admit' | 'close' }>

export interface ClientWorld extends ProcessWorld {
  readonly network: Network
  readonly clientNews: (client: ClientProcess, news: ClientNews) => void
}

/** An application process with a client of the group in it. */
export class ClientProcess extends SimProcess<ClientInput, ClientEffect> {
  readonly #world: ClientWorld
  readonly #options: ClientOptions
  readonly #dice: Dice
  client: ClientMachine | undefined

  constructor(world: ClientWorld, name: string, number: number, options: ClientOptions, clock: LocalClock, dice: Dice) {
    super(world, name, number, clock)
    this.#world = world
    this.#options = options
    this.#dice = dice
  }

  start(): void {
    this.client = new ClientMachine(this.#options, this.#dice.bytes(32))
    this.begin(this.client)
  }

  crash(): void {
    this.#world.network.crash(this.name)
    this.client = undefined
    this.end()
  }

  override carryOut(effects: readonly ClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'dial':
          this.#world.network.dial(this.name, effect.link, effect.address)
          break
        case 'send':
          this.#world.network.send(this.name, effect.link, effect.frame)
          break
        case 'admit':
          this.#world.network.admit(this.name, effect.link)
          break
        case 'close':
          this.#world.network.close(this.name, effect.link)
          break
        default:
          this.#world.clientNews(this, effect)
      }
    }
  }

  override afterStep(): void {}
}
