import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import { Network } from './network.ts'
import type { NetworkEvent } from './network-event.ts'
import { calmPath, type PathSettings } from './path.ts'
import { createDice } from './prng.ts'
import { Scheduler } from './scheduler.ts'

/** No chance at all: everything is under way for one millisecond. */
export const exact: PathSettings = { ...calmPath, latencyMinUs: 1000, latencyMeanUs: 0 }
export const one = 1 as Link

/** A world of hosts that do nothing but note what they hear. */
export class Post {
  readonly scheduler = new Scheduler<NetworkEvent>()
  readonly heard: string[] = []
  readonly frames: number[] = []
  readonly network: Network
  answer: (host: string, input: LinkInput) => void = () => {}

  constructor(seed: string) {
    this.network = new Network({
      dice: createDice(seed),
      nowUs: () => this.scheduler.nowUs,
      schedule: (delayUs, event) => this.scheduler.schedule(this.scheduler.nowUs + delayUs, event),
      input: (host, input) => this.#hear(host, input),
    })
    this.network.paths.configureAll(exact)
    this.network.listen('b', 'b:1')
  }

  /** Lets time pass until `untilUs`, or until nothing is under way. */
  run(untilUs = Number.POSITIVE_INFINITY): void {
    for (let atUs = this.scheduler.peekAtUs(); atUs !== undefined && atUs <= untilUs; ) {
      const event = this.scheduler.next()
      if (event !== undefined) this.network.deliver(event)
      atUs = this.scheduler.peekAtUs()
    }
  }

  /** Connects link 1 of `a` with link -1 of `b`, both admitted. */
  connect(): void {
    this.network.dial('a', one, 'b:1')
    this.run(this.scheduler.nowUs + 2000)
    this.network.admit('a', one)
    this.network.admit('b', -1 as Link)
    this.heard.length = 0
  }

  send(host: string, link: number, ...numbers: number[]): void {
    for (const number of numbers) this.network.send(host, link as Link, Uint8Array.of(number))
  }

  #hear(host: string, input: LinkInput): void {
    const what = input.kind === 'frame' ? `frame ${input.frame.join(' ')}` : input.kind
    const why = input.kind === 'closed' ? ` ${input.refused ? 'refused' : input.reason}` : ''
    this.heard.push(`${this.scheduler.nowUs} ${host}${input.link} ${what}${why}`)
    if (input.kind === 'frame') this.frames.push(input.frame[0] as number)
    this.answer(host, input)
  }
}
