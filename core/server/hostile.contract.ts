import { Prng } from '../lib/prng.ts'
import { encodeMessage } from '../wire/codec.ts'
import type { ClientIndex, Link, ServerId } from '../wire/ids.ts'
import { type Purpose, purposes } from '../wire/message.ts'
import type { Bench, Seat } from './bench.contract.ts'
import { Lies, type Occasion } from './lies.contract.ts'
import { helloFor, Puppet, strangerNamed } from './puppet.contract.ts'

/** Who a liar may claim to be: any client, or also any server, a member of the group or another incarnation of one. */
export type Mask = 'client' | 'member'

/**
 * Somebody who says anything to everybody: every kind of message, on links of every purpose, in any order, several in
 * one event-loop turn, and greets as often as it likes. As a member it also speaks on the members' own links, in their
 * names.
 */
export class Liar {
  readonly #bench: Bench
  readonly #prng: Prng
  readonly #mask: Mask
  readonly #lies: Lies
  readonly #puppet: Puppet
  #links: (Occasion & { readonly link: Link })[] = []
  #clients: ClientIndex[] = [999 as ClientIndex]

  constructor(bench: Bench, seed: number, mask: Mask) {
    this.#bench = bench
    this.#prng = new Prng(new Uint8Array(16).map((_, i) => seed >>> (8 * (i % 4))))
    this.#mask = mask
    this.#lies = new Lies(this.#prng, seed)
    this.#puppet = new Puppet(bench, 'liar')
  }

  step(): void {
    for (const { name, isUp } of [...this.#bench.seats.values()]) if (!isUp) this.#bench.start(name)
    this.#links = this.#links.filter(({ link, to }) => to.isUp && !this.#puppet.isClosed(link))
    const dice = this.#prng.below(100)
    if (dice < 10 || this.#links.length === 0) this.#open()
    else if (dice < 14) this.#closeOne()
    else if (dice < 24) this.#bench.pass(this.#prng.below(120))
    else if (dice < 40 && this.#mask === 'member') this.#forge()
    else this.#speak()
    for (const { client } of this.#puppet.take('registered')) this.#clients.push(client)
    this.#puppet.kinds()
  }

  #open(): void {
    if (this.#links.length > 20) this.#closeOne()
    const to = this.#pick([...this.#bench.seats.values()])
    const purpose: Purpose = this.#pick(this.#mask === 'client' ? (['client', 'admin'] as const) : purposes)
    const server = this.#claimed(to)
    const link = this.#puppet.greet(to.name, purpose, { server, connection: this.#prng.below(5) })
    this.#links.push({ link, to, purpose, server, client: this.#pick(this.#clients) })
  }

  #claimed(to: Seat): ServerId {
    const other = this.#pick([...this.#bench.seats.values()].filter((each) => each !== to))
    const isMember = this.#mask === 'member' && this.#prng.below(2) === 0
    return isMember ? other.machine.id : strangerNamed(other.name, this.#prng.below(3) + 1)
  }

  #closeOne(): void {
    const [gone] = this.#links.splice(this.#prng.below(this.#links.length), 1)
    if (gone !== undefined) this.#puppet.close(gone.link)
  }

  #speak(): void {
    const on = this.#pick(this.#links)
    const count = this.#prng.below(4) + 1
    const messages = Array.from({ length: count }, () => this.#lies.next({ ...on, client: this.#pick(this.#clients) }))
    if (this.#prng.below(20) === 0) messages.unshift(helloFor(on.purpose as Purpose, { server: on.server }))
    this.#puppet.say(on.link, ...messages)
  }

  /** Says something on a link of two members, in the name of one of them. */
  #forge(): void {
    const seats = [...this.#bench.seats.values()].filter(({ isUp }) => isUp)
    const from = this.#pick(seats)
    const links = this.#bench.linksOf(from)
    if (links.length === 0) return
    const link = this.#pick(links)
    // A link that it dialled is one on which it is listened to; on one that it accepted, the other side waits for
    // answers.
    const purpose = link > 0 ? 'peer' : 'answers'
    const to = this.#pick(seats)
    const lie = this.#lies.next({ to, purpose, server: from.machine.id, client: this.#pick(this.#clients) })
    this.#bench.send(from, link, encodeMessage(lie))
    this.#bench.settle()
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#prng.below(from.length)] as T
  }
}
