import { assert, must } from '../lib/assert.ts'
import { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import type { Link } from '../wire/ids.ts'
import { type Answered, creating, entropyOf } from './bench.contract.ts'
import { ClientMachine } from './client-machine.ts'
import { GroupModel, modelAddresses, modelGroup, type ServerSide } from './group-model.contract.ts'
import type { ClientEffect, ClientEvent, ClientInput } from './io.ts'

/** Chances are out of a thousand: for each frame, or for each ten milliseconds. */
export interface Faults {
  readonly lose: number
  readonly duplicate: number
  readonly delay: number
  readonly busy: number
  readonly breakLink: number
  readonly depose: number
  readonly expire: number
  readonly recover: number
}

export const noFaults: Faults = {
  lose: 0,
  duplicate: 0,
  delay: 0,
  busy: 0,
  breakLink: 0,
  depose: 0,
  expire: 0,
  recover: 0,
}

/**
 * One client machine and the model of a group, joined by a network that loses, doubles and delays frames, in virtual
 * time.
 */
export class World {
  readonly machine: ClientMachine
  readonly model = new GroupModel()
  readonly answers = new Map<number, Answered>()
  readonly events: ClientEvent[] = []
  faults: Faults = noFaults
  /** The frame with this position, of all frames either way, is lost. */
  loseFrame = -1
  frames = 0
  now: Millis = 0
  readonly #dice: Prng
  readonly #links = new Map<Link, ServerSide>()
  #queue: { readonly at: Millis; readonly happen: () => void }[] = []
  #chaosAt: Millis = 0
  #commitAt: Millis = 0
  #electAt: Millis | undefined

  constructor(seed: number) {
    this.#dice = new Prng(entropyOf(seed))
    this.machine = new ClientMachine(
      { addresses: modelAddresses, group: modelGroup, limits: { requestsInFlightMax: 8, bytesInFlightMax: 600 } },
      entropyOf(seed + 1),
    )
    this.model.isBusy = () => this.#chance(this.faults.busy)
    this.give({ kind: 'tick' })
  }

  give(input: ClientInput): void {
    for (const effect of this.machine.step(input, this.now)) this.#carryOut(effect)
    this.machine.checkInvariants()
  }

  submit(call: number, after: readonly number[] = [], timeoutMs = 120_000): void {
    this.give({ kind: 'submit', call, transaction: creating(call, 4, after), timeoutMs })
  }

  query(call: number): void {
    this.give({ kind: 'query', call, query: { kind: 'get', space: 's', key: 'k' }, timeoutMs: 120_000 })
  }

  below(bound: number): number {
    return this.#dice.below(bound)
  }

  /** Lets time pass in steps of one millisecond. */
  pass(ms: Millis): void {
    for (const end = this.now + ms; this.now < end; this.now++) {
      this.#disturb()
      const due = this.#queue.filter((event) => event.at <= this.now)
      this.#queue = this.#queue.filter((event) => event.at > this.now)
      for (const event of due) event.happen()
      if (this.#commitAt <= this.now) {
        this.#commitAt = this.now + 5
        if (this.model.leader !== undefined) this.model.commit()
      }
      if ((this.machine.nextDeadline() ?? this.now + 1) <= this.now) this.give({ kind: 'tick' })
      this.give({ kind: 'turn' })
    }
  }

  #disturb(): void {
    if (this.#electAt !== undefined && this.#electAt <= this.now) {
      this.#electAt = undefined
      this.model.leader = this.below(3)
    }
    if (this.#chaosAt > this.now) return
    this.#chaosAt = this.now + 10
    if (this.#chance(this.faults.breakLink)) for (const link of this.#links.keys()) this.#break(link)
    if (this.#chance(this.faults.expire)) for (const client of this.model.registered) this.model.expire(client)
    if (this.model.leader !== undefined && this.#chance(this.faults.depose)) this.#depose()
  }

  #depose(): void {
    const deposed = this.model.depose(this.below(8))
    const closed = this.#chance(this.faults.recover) ? [...deposed, ...this.model.recover()] : deposed
    for (const [link, side] of this.#links) {
      // A half-open link: the client is told nothing and must find out by itself.
      if (closed.includes(side) && this.below(4) > 0) this.#break(link)
    }
    this.#electAt = this.now + 20 + this.below(300)
  }

  #break(link: Link): void {
    this.model.close(must(this.#links.get(link), 'no such link'))
    this.#links.delete(link)
    this.#later(1, () => this.give({ kind: 'closed', link, refused: false, reason: 'reset' }))
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.kind) {
      case 'dial':
        this.#dial(effect.link, effect.address)
        break
      case 'send':
        this.#toServer(effect.link, effect.frame)
        break
      case 'close': {
        // Frames sent before still arrive.
        const side = this.#links.get(effect.link)
        this.#links.delete(effect.link)
        if (side !== undefined) this.#later(30, () => this.model.close(side))
        break
      }
      case 'event':
        this.events.push(effect.event)
        break
      case 'settled':
      case 'answered':
      case 'failed':
        assert(!this.answers.has(effect.call), () => `call ${effect.call} was answered twice`)
        this.answers.set(effect.call, effect)
        break
      default:
    }
  }

  #dial(link: Link, address: string): void {
    const server = modelAddresses.indexOf(address)
    assert(server >= 0, 'an address that nobody gave')
    const side: ServerSide = {
      server,
      greeted: false,
      history: undefined,
      client: undefined,
      say: (message) => {
        const frame = encodeMessage(message)
        this.#transmit(() => {
          if (this.#links.get(link) === side) this.give({ kind: 'frame', link, frame })
        })
      },
    }
    this.#links.set(link, side)
    this.#later(1, () => {
      if (this.#links.get(link) !== side) return
      this.model.open(side)
      this.give({ kind: 'connected', link })
    })
  }

  #toServer(link: Link, frame: Uint8Array): void {
    const side = this.#links.get(link)
    if (side === undefined) return
    const message = must(decodeMessage(frame), 'a malformed frame was sent')
    this.#transmit(() => this.model.receive(side, message))
  }

  #transmit(arrive: () => void): void {
    if (this.frames++ === this.loseFrame || this.#chance(this.faults.lose)) return
    const copies = this.#chance(this.faults.duplicate) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      const delayMs = this.#chance(this.faults.delay) ? 1 + this.below(200) : 1
      this.#later(delayMs, arrive)
    }
  }

  #later(ms: Millis, happen: () => void): void {
    this.#queue.push({ at: this.now + ms, happen })
  }

  #chance(perMille: number): boolean {
    return perMille > 0 && this.below(1000) < perMille
  }
}
