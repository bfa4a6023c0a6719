import { ClientMachine } from '../core/client/client-machine.ts'
import type { ClientEffect, ClientInput } from '../core/client/io.ts'
import { must } from '../core/lib/assert.ts'
import type { ServerEffect, ServerInput } from '../core/server/io.ts'
import { defaultLimits, defaultTiming, type ServerLimits } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import type { Transaction } from '../core/wire/command.ts'
import type { Link, ServerName } from '../core/wire/ids.ts'
import type { LinkEffect, LinkInput } from '../core/wire/link.ts'

type HostInput = LinkInput | { readonly kind: 'tick' } | { readonly kind: 'turn' }

/** One machine and where each of its links leads. */
interface Place {
  readonly step: (input: HostInput) => void
  readonly ends: Map<Link, { readonly place: Place; readonly link: Link }>
  accepted: number
  isDue: boolean
}

/**
 * Servers in memory mode and one client, in this process and without sockets: frames go from machine to machine at
 * once, and every machine that heard something gets its turn. What is left is what core itself costs.
 */
export class BenchGroup {
  readonly servers: readonly ServerMachine[]
  readonly client: ClientMachine
  settled = 0
  frames = 0
  nowMs = 0
  readonly #places = new Map<string, Place>()
  readonly #due: Place[] = []
  #underWay: { readonly place: Place; readonly input: HostInput }[] = []
  readonly #clientPlace: Place
  #calls = 0

  constructor(count: number, limits: Partial<ServerLimits> = {}) {
    const names = Array.from({ length: count }, (_, i) => 'abcde'[i] as ServerName)
    const addresses = new Map(names.map((name) => [name, `${name}:1`]))
    this.servers = names.map((name, i) => {
      const given = { entropy: new Uint8Array(64).fill(i + 1), wallMs: 0, disk: undefined, listens: count > 1 }
      const limited = { ...defaultLimits, ...limits }
      const options = {
        name,
        servers: addresses,
        durability: 'memory',
        timing: defaultTiming,
        limits: limited,
      } as const
      const opened = ServerMachine.open(options, given, 0)
      if ('refused' in opened) throw new Error(opened.text)
      return opened
    })
    this.client = new ClientMachine(
      { addresses: [...addresses.values()], group: undefined },
      new Uint8Array(32).fill(9),
    )
    for (const [i, server] of this.servers.entries()) this.#addServer(`${names[i]}:1`, server)
    this.#clientPlace = this.#addClient()
    this.advance(() => this.servers.some((server) => server.core.serves))
  }

  get leader(): ServerMachine {
    return must(
      this.servers.find((server) => server.core.serves),
      'nobody leads',
    )
  }

  submit(transaction: Transaction): void {
    this.#stepClient({ kind: 'submit', call: ++this.#calls, transaction, timeoutMs: 60_000 })
  }

  /** Carries frames and gives turns until nothing is left to do. */
  settle(): void {
    do {
      const underWay = this.#underWay
      this.#underWay = []
      for (const { place, input } of underWay) place.step(input)
      for (const place of this.#due.splice(0)) {
        place.isDue = false
        place.step({ kind: 'turn' })
      }
    } while (this.#underWay.length > 0 || this.#due.length > 0)
  }

  /** Lets time pass, a few milliseconds at a time, until something is so. */
  advance(isDone: () => boolean): void {
    for (let i = 0; i < 10_000 && !isDone(); i++) {
      this.nowMs += 5
      for (const place of this.#places.values()) place.step({ kind: 'tick' })
      this.settle()
    }
  }

  #addServer(address: string, machine: ServerMachine): void {
    const place: Place = newPlace((input) => this.#stepServer(place, machine, input))
    this.#places.set(address, place)
  }

  #addClient(): Place {
    const place = newPlace((input) => this.#stepClient(input))
    this.#places.set('client', place)
    return place
  }

  #stepServer(place: Place, machine: ServerMachine, input: ServerInput): void {
    for (const effect of machine.step(input, this.nowMs)) this.#carryOut(place, effect)
    this.#makeDue(place, input.kind)
  }

  #stepClient(input: ClientInput): void {
    const place = this.#clientPlace
    for (const effect of this.client.step(input, this.nowMs)) this.#carryOut(place, effect)
    this.#makeDue(place, input.kind)
  }

  #makeDue(place: Place, kind: string): void {
    if (place.isDue || kind === 'turn') return
    place.isDue = true
    this.#due.push(place)
  }

  #carryOut(place: Place, effect: ServerEffect | ClientEffect): void {
    switch (effect.kind) {
      case 'dial':
        this.#dial(place, effect)
        break
      case 'send':
        this.frames++
        this.#deliver(place, effect)
        break
      case 'settled':
        this.settled++
        break
      case 'close':
        place.ends.get(effect.link)?.place.ends.delete(must(place.ends.get(effect.link), 'a link has two ends').link)
        place.ends.delete(effect.link)
    }
  }

  #dial(place: Place, { link, address }: Extract<LinkEffect, { kind: 'dial' }>): void {
    const other = must(this.#places.get(address), 'nobody has that address')
    const accepted = -++other.accepted as Link
    place.ends.set(link, { place: other, link: accepted })
    other.ends.set(accepted, { place, link })
    this.#underWay.push({ place: other, input: { kind: 'accepted', link: accepted, remote: 'memory:1' } })
    this.#underWay.push({ place, input: { kind: 'connected', link } })
  }

  #deliver(place: Place, { link, frame }: Extract<LinkEffect, { kind: 'send' }>): void {
    const end = place.ends.get(link)
    if (end !== undefined) this.#underWay.push({ place: end.place, input: { kind: 'frame', link: end.link, frame } })
  }
}

function newPlace(step: Place['step']): Place {
  return { step, ends: new Map(), accepted: 0, isDue: false }
}
