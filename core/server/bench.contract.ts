import { assert, must } from '../lib/assert.ts'
import type { Millis } from '../machine.ts'
import type { StateLimits } from '../state/limits.ts'
import type { DiskOp } from '../storage/disk.ts'
import { TestFolder } from '../storage/test-folder.contract.ts'
import { decodeMessage } from '../wire/codec.ts'
import type { Link, ServerName } from '../wire/ids.ts'
import type { LinkInput } from '../wire/link.ts'
import type { Message, Status } from '../wire/message.ts'
import type { ServerEffect, ServerEvent, ServerInput } from './io.ts'
import { defaultLimits, defaultTiming, type ServerLimits, type ServerOptions, type ServerTiming } from './options.ts'
import { ServerMachine } from './server-machine.ts'

/** A frame under way from one process to another. */
export interface Letter {
  readonly from: string
  readonly to: string
  readonly message: Message | undefined
  readonly frame: Uint8Array
  readonly wire: Wire
}

/** Whoever has ends of links: a server, or a test that plays one. */
export interface Party {
  readonly name: string
  hear(input: LinkInput): void
}

interface End {
  readonly party: Party
  readonly link: Link
  isOpen: boolean
}

type Wire = readonly [dialler: End, host: End]

export interface BenchOptions {
  readonly timing?: Partial<ServerTiming>
  readonly limits?: Partial<ServerLimits>
  readonly state?: Partial<StateLimits>
  readonly durability?: 'memory' | 'fsync'
}

export const addressOf = (name: string) => `${name}:1`

/** Sixty-four bytes that differ from server to server and from life to life. */
function entropyOf(name: string, life: number): Uint8Array {
  return Uint8Array.from({ length: 64 }, (_, i) => (name.charCodeAt(0) * 7 + life * 31 + i * 13) & 0xff)
}

/**
 * Servers over a table of links in memory, with real frames and virtual time: nothing is lost, delayed or doubled
 * unless a test says so.
 * Invariant, checked after every step: whatever the machines themselves demand, and that no machine asks for the same
 * tick for ever.
 */
export class Bench {
  now: Millis = 1000
  readonly seats = new Map<string, Seat>()
  readonly listeners = new Map<string, Party>()
  /** What else a server hears in an event-loop turn, behind everything that arrived. */
  alsoInTurn: (seat: Seat) => readonly ServerInput[] = () => []
  /** Disks of servers started from now on do nothing until they are told to. */
  holdsDisks = false
  /** Frames that a machine sent on a link that it had closed, or that was gone. */
  strays = 0
  /** What becomes of a frame: itself by default; a test may lose, keep back or double it. */
  post: (letter: Letter) => readonly Letter[] = (letter) => [letter]
  readonly #cut = new Set<string>()
  readonly #wires = new Map<Party, Map<Link, Wire>>()
  readonly #options: BenchOptions
  readonly #names: readonly string[]
  #queue: (() => void)[] = []
  #links = 0

  constructor(names: readonly string[], options: BenchOptions = {}) {
    this.#names = names
    this.#options = options
  }

  /** A group that has formed and is led. */
  static formed(names: readonly string[] = ['a', 'b', 'c'], options: BenchOptions = {}): Bench {
    const bench = new Bench(names, options)
    for (const name of names) bench.start(name)
    bench.pass(4000)
    bench.leader()
    return bench
  }

  optionsOf(name: string): ServerOptions {
    const { timing, limits, state, durability } = this.#options
    return {
      name: name as ServerName,
      servers: new Map(this.#names.map((each) => [each as ServerName, addressOf(each)])),
      durability: durability ?? 'memory',
      timing: { ...defaultTiming, ...timing },
      limits: { ...defaultLimits, segmentBytes: 1024 * 1024, ...limits },
      state,
    }
  }

  /** Starts a server, with what its folder holds; a memory server comes back as another incarnation. */
  start(name: string, listens = true): Seat {
    const before = this.seats.get(name)
    assert(before?.isUp !== true, `${name} runs already`)
    const seat = new Seat(this, name, before?.folder ?? new TestFolder(), (before?.life ?? 0) + 1, listens)
    this.seats.set(name, seat)
    this.listeners.set(addressOf(name), seat)
    seat.act([])
    this.settle()
    return seat
  }

  seat(name: string): Seat {
    return must(this.seats.get(name), `no server ${name}`)
  }

  /** The process is gone; its peers notice unless it was cut off. */
  kill(name: string): void {
    const seat = this.seat(name)
    seat.isUp = false
    this.listeners.delete(addressOf(name))
    for (const link of [...this.#wiresOf(seat).keys()]) this.close(seat, link)
    this.settle()
  }

  /** No frame passes between the two, and no connection is made; those that are open stay. */
  cut(one: string, other: string): void {
    this.#cut.add(`${one} ${other}`).add(`${other} ${one}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  leader(): Seat {
    const leaders = [...this.seats.values()].filter(({ isUp, machine }) => isUp && machine.core.serves)
    assert(leaders.length === 1, () => `${leaders.length} servers lead`)
    return must(leaders[0], 'nobody leads')
  }

  followers(): readonly Seat[] {
    const leader = this.leader()
    return [...this.seats.values()].filter((seat) => seat.isUp && seat !== leader)
  }

  dial(from: Party, link: Link, address: string): void {
    const to = this.listeners.get(address)
    if (to === undefined) this.#later(() => from.hear({ kind: 'closed', link, refused: true, reason: 'refused' }))
    else if (!this.#cut.has(`${from.name} ${to.name}`)) this.#connect(from, link, to)
  }

  send(from: Party, link: Link, frame: Uint8Array): void {
    const wire = this.#wiresOf(from).get(link)
    const near = wire?.find((end) => end.party === from && end.link === link)
    if (wire === undefined || near?.isOpen !== true) {
      this.strays++
      return
    }
    const far = wire[0] === near ? wire[1] : wire[0]
    const letter: Letter = { from: from.name, to: far.party.name, message: decodeMessage(frame), frame, wire }
    for (const each of this.post(letter)) this.deliver(each)
  }

  /** Puts a letter at the end of what is under way, also one that was kept back. */
  deliver({ from, to, frame, wire }: Letter): void {
    const far = wire[0].party.name === to ? wire[0] : wire[1]
    this.#later(() => {
      if (far.isOpen && !this.#cut.has(`${from} ${to}`)) far.party.hear({ kind: 'frame', link: far.link, frame })
    })
  }

  close(from: Party, link: Link): void {
    const wire = this.#wiresOf(from).get(link)
    if (wire === undefined) return
    const [dialler, host] = wire
    const near = dialler.party === from && dialler.link === link ? dialler : host
    const far = near === dialler ? host : dialler
    near.isOpen = false
    this.#wiresOf(from).delete(link)
    this.#later(() => {
      if (!far.isOpen || this.#cut.has(`${from.name} ${far.party.name}`)) return
      far.isOpen = false
      this.#wiresOf(far.party).delete(far.link)
      far.party.hear({ kind: 'closed', link: far.link, refused: false, reason: 'closed' })
    })
  }

  /** Breaks all connections between two servers; both notice. */
  sever(one: string, other: string): void {
    for (const [dialler, host] of [...this.#wiresOf(this.seat(one)).values()]) {
      if (dialler.party.name !== other && host.party.name !== other) continue
      for (const end of [dialler, host]) {
        end.isOpen = false
        this.#wiresOf(end.party).delete(end.link)
        this.#later(() => end.party.hear({ kind: 'closed', link: end.link, refused: false, reason: 'reset' }))
      }
    }
    this.settle()
  }

  /** The open links of a party. */
  linksOf(party: Party): readonly Link[] {
    return [...this.#wiresOf(party).keys()]
  }

  diskDone(seat: Seat, op: DiskOp): void {
    this.#later(() => seat.isUp && seat.act([seat.folder.apply(op)]))
  }

  /** Delivers everything that is under way, and all that follows from it, without time passing. */
  settle(): void {
    for (let rounds = 0; this.#queue.length > 0; rounds++) {
      assert(rounds < 10_000, 'the servers never come to rest')
      const batch = this.#queue
      this.#queue = []
      for (const event of batch) event()
      for (const seat of this.seats.values()) seat.turn()
    }
  }

  /** Lets time pass, waking each server whenever it asks for it. */
  pass(ms: Millis): void {
    this.settle()
    const end = this.now + ms
    for (let wakesAtOnce = 0; ; ) {
      const deadline = Math.min(...[...this.seats.values()].map((seat) => seat.deadline))
      if (deadline > end) break
      wakesAtOnce = deadline > this.now ? 0 : wakesAtOnce + 1
      assert(wakesAtOnce < 1000, 'a server asks for the same tick again and again')
      this.now = Math.max(this.now, deadline)
      for (const seat of this.seats.values()) if (seat.deadline <= this.now) seat.act([{ kind: 'tick' }])
      for (const seat of this.seats.values()) seat.turn()
      this.settle()
    }
    this.now = end
  }

  #later(event: () => void): void {
    this.#queue.push(event)
  }

  #wiresOf(party: Party): Map<Link, Wire> {
    const wires = this.#wires.get(party) ?? new Map<Link, Wire>()
    this.#wires.set(party, wires)
    return wires
  }

  #connect(from: Party, link: Link, to: Party): void {
    const accepted = -++this.#links as Link
    const wire: Wire = [
      { party: from, link, isOpen: true },
      { party: to, link: accepted, isOpen: true },
    ]
    this.#wiresOf(from).set(link, wire)
    this.#wiresOf(to).set(accepted, wire)
    this.#later(() => {
      if (wire[1].isOpen) to.hear({ kind: 'accepted', link: accepted, remote: `${from.name}:${-accepted}` })
      if (wire[0].isOpen) from.hear({ kind: 'connected', link })
    })
  }
}

/** One server on the bench, and what it did. */
export class Seat implements Party {
  readonly name: string
  readonly folder: TestFolder
  readonly life: number
  readonly machine: ServerMachine
  readonly events: ServerEvent[] = []
  stop: Extract<ServerEffect, { kind: 'stop' }> | undefined
  isUp = true
  /** Operations of the disk that wait until `persist`. */
  holdsOp: (op: DiskOp) => boolean = () => this.isDiskHeld
  isDiskHeld = false
  readonly dials: { readonly link: Link; readonly address: string; readonly at: Millis }[] = []
  readonly closes: { readonly link: Link; readonly reason: string }[] = []
  readonly #bench: Bench
  #heldOps: DiskOp[] = []

  constructor(bench: Bench, name: string, folder: TestFolder, life: number, listens: boolean) {
    this.#bench = bench
    this.name = name
    this.folder = folder
    this.life = life
    const options = bench.optionsOf(name)
    const disk = options.durability === 'fsync' ? folder.reader() : undefined
    this.isDiskHeld = bench.holdsDisks
    const boot = { entropy: entropyOf(name, life), wallMs: 1_700_000_000_000 + bench.now, disk, listens }
    const machine = ServerMachine.open(options, boot, bench.now)
    if ('refused' in machine) throw new Error(machine.text)
    this.machine = machine
  }

  get replica() {
    return must(this.machine.core.replica, `${this.name} has no replica`)
  }

  get status(): Status {
    return this.machine.status()
  }

  get deadline(): Millis {
    return this.isUp ? (this.machine.nextDeadline() ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  }

  hear(input: LinkInput): void {
    if (this.isUp) this.act([input])
  }

  turn(): void {
    if (this.isUp) this.act([...this.#bench.alsoInTurn(this), { kind: 'turn' }])
  }

  act(inputs: readonly ServerInput[]): void {
    for (const input of inputs) {
      for (const effect of this.machine.step(input, this.#bench.now)) this.#carryOut(effect)
      if (!this.isUp) return
      this.machine.checkInvariants()
    }
  }

  /** Whether an event of this kind happened since the last look. */
  has(kind: ServerEvent['kind']): boolean {
    return this.events.some((event) => event.kind === kind)
  }

  /** Lets the disk do what it was asked for while it was held, and all that follows. */
  persist(): void {
    this.isDiskHeld = false
    this.holdsOp = () => this.isDiskHeld
    for (const op of this.#heldOps.splice(0)) this.#bench.diskDone(this, op)
    this.#bench.settle()
  }

  #carryOut(effect: ServerEffect): void {
    const bench = this.#bench
    switch (effect.kind) {
      case 'dial':
        this.dials.push({ link: effect.link, address: effect.address, at: bench.now })
        bench.dial(this, effect.link, effect.address)
        return
      case 'send':
        bench.send(this, effect.link, effect.frame)
        return
      case 'close':
        this.closes.push({ link: effect.link, reason: effect.reason })
        bench.close(this, effect.link)
        return
      case 'disk':
        if (this.holdsOp(effect.op)) this.#heldOps.push(effect.op)
        else bench.diskDone(this, effect.op)
        return
      case 'event':
        this.events.push(effect.event)
        return
      case 'stop':
        this.stop = effect
        this.isUp = false
        bench.listeners.delete(addressOf(this.name))
        return
      case 'admit':
    }
  }
}
