import { ClientMachine } from '../core/client/client-machine.ts'
import type { ClientEffect, ClientInput } from '../core/client/io.ts'
import { must } from '../core/lib/assert.ts'
import type { ServerEffect, ServerInput } from '../core/server/io.ts'
import { defaultLimits, defaultTiming, type ServerLimits } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import type { DiskInput, DiskReader } from '../core/storage/disk.ts'
import type { Transaction } from '../core/wire/command.ts'
import type { Link, ServerName } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'

export interface GroupOptions {
  readonly servers: number
  readonly durability: 'memory' | 'fsync'
  readonly limits?: Partial<ServerLimits>
  /** Called after each step of a server, with what it took by `now`. */
  readonly onStep?: (group: BenchGroup, ms: number) => void
  readonly now?: () => number
}

type HostInput = LinkInput | DiskInput | { readonly kind: 'tick' } | { readonly kind: 'turn' }

/** One machine, and where each of its links leads. */
interface Place {
  readonly take: (input: HostInput) => void
  readonly ends: Map<Link, { readonly place: Place; readonly link: Link }>
  accepted: number
  isDue: boolean
}

/** A disk on which nothing was ever written: what a server writes here, nobody reads. */
const emptyDisk: DiskReader = {
  list: () => [],
  size: () => 0,
  read: (_file, _offset, length) => new Uint8Array(length),
}

/**
 * Servers and one client in this process, without sockets and files: frames go from machine to machine at once, disks
 * are done at once, and every machine that heard something gets its turn. What is left is what core itself costs.
 */
export class BenchGroup {
  readonly servers: ServerMachine[] = []
  readonly client: ClientMachine
  /** Calls that were acknowledged as executed. */
  settled = 0
  frames = 0
  nowMs = 0
  readonly #options: GroupOptions
  readonly #addresses: ReadonlyMap<ServerName, string>
  readonly #places = new Map<string, Place>()
  readonly #clientPlace: Place
  readonly #due: Place[] = []
  #underWay: { readonly place: Place; readonly input: HostInput }[] = []
  #calls = 0
  #lives = 0

  constructor(options: GroupOptions) {
    this.#options = options
    const names = Array.from({ length: options.servers }, (_, i) => 'abcde'[i] as ServerName)
    this.#addresses = new Map(names.map((name) => [name, `${name}:1`]))
    for (const name of names) this.#start(name)
    const addresses = [...this.#addresses.values()]
    this.client = new ClientMachine({ addresses, group: undefined }, new Uint8Array(32).fill(99))
    this.#clientPlace = newPlace((input) => input.kind !== 'disk-done' && this.#stepClient(input))
    this.#places.set('client', this.#clientPlace)
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
      for (const { place, input } of underWay) place.take(input)
      for (const place of this.#due.splice(0)) {
        place.isDue = false
        place.take({ kind: 'turn' })
      }
    } while (this.#underWay.length > 0 || this.#due.length > 0)
  }

  /** Lets a few milliseconds pass and gives every machine its tick. */
  tick(): void {
    this.nowMs += 5
    for (const place of this.#places.values()) place.take({ kind: 'tick' })
    this.settle()
  }

  /** Lets time pass until something is so. */
  advance(isDone: () => boolean): void {
    for (let i = 0; i < 10_000 && !isDone(); i++) this.tick()
    if (!isDone()) throw new Error('the group does not get there')
  }

  /** Kills a server; another incarnation takes its place, with nothing in its memory and on its disk. */
  replace(server: ServerMachine): ServerMachine {
    const name = server.id.slice(0, 1) as ServerName
    const place = must(this.#places.get(`${name}:1`), 'a server of this group')
    this.servers.splice(this.servers.indexOf(server), 1)
    for (const { place: other, link } of place.ends.values()) {
      other.ends.delete(link)
      this.#underWay.push({ place: other, input: { kind: 'closed', link, refused: false, reason: 'replaced' } })
    }
    return this.#start(name)
  }

  #start(name: ServerName): ServerMachine {
    const { durability, limits, servers } = this.#options
    const options = { name, servers: this.#addresses, durability, timing: defaultTiming }
    const entropy = new Uint8Array(64).fill(++this.#lives)
    const disk = durability === 'fsync' ? emptyDisk : undefined
    const machine = ServerMachine.open(
      { ...options, limits: { ...defaultLimits, ...limits } },
      { entropy, wallMs: 0, disk, listens: servers > 1 },
      this.nowMs,
    )
    if ('refused' in machine) throw new Error(machine.text)
    const place: Place = newPlace((input) => this.#stepServer(place, machine, input))
    this.#places.set(`${name}:1`, place)
    this.servers.push(machine)
    return machine
  }

  #stepServer(place: Place, machine: ServerMachine, input: ServerInput): void {
    const { now = () => 0, onStep } = this.#options
    const startedMs = now()
    const effects = machine.step(input, this.nowMs)
    onStep?.(this, now() - startedMs)
    for (const effect of effects) this.#carryOut(place, effect)
    this.#makeDue(place, input.kind)
  }

  #stepClient(input: ClientInput): void {
    for (const effect of this.client.step(input, this.nowMs)) this.#carryOut(this.#clientPlace, effect)
    this.#makeDue(this.#clientPlace, input.kind)
  }

  #makeDue(place: Place, kind: string): void {
    if (place.isDue || kind === 'turn') return
    place.isDue = true
    this.#due.push(place)
  }

  #carryOut(place: Place, effect: ServerEffect | ClientEffect): void {
    switch (effect.kind) {
      case 'dial':
        this.#dial(place, effect.link, effect.address)
        break
      case 'send':
        this.#send(place, effect.link, effect.frame)
        break
      case 'close':
        this.#close(place, effect.link, effect.reason)
        break
      case 'disk':
        this.#underWay.push({ place, input: { kind: 'disk-done', id: effect.op.id } })
        break
      case 'settled':
        if (effect.outcome.kind === 'executed') this.settled++
        break
      case 'stop':
        throw new Error(effect.text)
    }
  }

  #dial(place: Place, link: Link, address: string): void {
    const other = must(this.#places.get(address), 'nobody has that address')
    const accepted = -++other.accepted as Link
    place.ends.set(link, { place: other, link: accepted })
    other.ends.set(accepted, { place, link })
    this.#underWay.push({ place: other, input: { kind: 'accepted', link: accepted, remote: 'memory:1' } })
    this.#underWay.push({ place, input: { kind: 'connected', link } })
  }

  #send(place: Place, link: Link, frame: Uint8Array): void {
    const end = place.ends.get(link)
    if (end === undefined) return
    this.frames++
    this.#underWay.push({ place: end.place, input: { kind: 'frame', link: end.link, frame } })
  }

  #close(place: Place, link: Link, reason: string): void {
    const end = place.ends.get(link)
    if (end === undefined) return
    place.ends.delete(link)
    end.place.ends.delete(end.link)
    this.#underWay.push({ place: end.place, input: { kind: 'closed', link: end.link, refused: false, reason } })
  }
}

function newPlace(take: Place['take']): Place {
  return { take, ends: new Map(), accepted: 0, isDue: false }
}
