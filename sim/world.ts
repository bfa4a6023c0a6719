import { clientTiming } from '../core/client/options.ts'
import { must } from '../core/lib/assert.ts'
import type { RefusalCode } from '../core/refusal.ts'
import type { ServerEvent, StopReason } from '../core/server/io.ts'
import { defaultLimits, defaultTiming, type ServerOptions } from '../core/server/options.ts'
import type { DiskOp } from '../core/storage/disk.ts'
import type { ServerName } from '../core/wire/ids.ts'
import { type ClientNews, ClientProcess } from './client-process.ts'
import { LocalClock } from './clock.ts'
import { Crew } from './crew.ts'
import { SimDisk } from './disk.ts'
import { TraceHash } from './hash.ts'
import { History } from './history.ts'
import { Network } from './network.ts'
import type { NetworkEvent } from './network-event.ts'
import { createDice, type Dice } from './prng.ts'
import type { Wakeable } from './process.ts'
import type { Scenario } from './scenario.ts'
import { type Handle, Scheduler } from './scheduler.ts'
import { ServerProcess } from './server-process.ts'
import { type Traced, type TraceStep, traceStep } from './trace.ts'
import { Witness } from './witness.ts'
import { Workload } from './workload.ts'

/** Everything that can be planned for a later moment of a world. */
export type WorldEvent =
  | NetworkEvent
  | { readonly kind: 'wake'; readonly process: Wakeable; readonly life: number }
  | { readonly kind: 'turn'; readonly process: Wakeable; readonly life: number }
  | { readonly kind: 'disk'; readonly server: ServerProcess; readonly life: number; readonly op: DiskOp }
  | { readonly kind: 'work'; readonly worker: number }
  | { readonly kind: 'plan'; readonly run: Planned; readonly argument: number }

/** A step of a nemesis or of the run itself, known by name for the trace. */
export interface Planned {
  readonly name: string
  readonly carryOut: (argument: number) => void
}

/** One line of what happened, for people. */
export interface StoryLine {
  readonly atUs: number
  readonly who: string
  readonly text: string
}

/** 2026-01-01, so that dates in traces look like dates. Every clock of a world starts near it. */
const epochMs = 1_767_225_600_000

/**
 * One world: servers, clients, their network, disks and clocks, all driven by one queue of events and one seed.
 * Invariant: nothing outside the seed and the scenario has a say in what happens.
 * Not here: which faults strike when (nemesis), and what a run comes to (run).
 */
export class World {
  readonly scenario: Scenario
  readonly dice: Dice
  readonly scheduler = new Scheduler<WorldEvent>()
  readonly network: Network
  readonly witness = new Witness()
  readonly history: History
  readonly hash = new TraceHash()
  readonly servers: readonly ServerProcess[]
  readonly clients: readonly ClientProcess[]
  readonly crew: Crew
  readonly story: StoryLine[] = []
  readonly events = new Map<string, number>()
  onTrace: ((step: TraceStep) => void) | undefined
  onStory: ((line: StoryLine) => void) | undefined
  /** Told of every event of a server, besides the story. */
  onServerEvent: ((server: ServerProcess, event: ServerEvent) => void) | undefined
  onServerStopped: ((server: ServerProcess, reason: StopReason) => void) | undefined
  steps = 0
  readonly #lastTold = new Map<ServerProcess, ServerEvent['kind']>()
  /** Where the first invariant broke. */
  violatedAt: { readonly step: number; readonly atUs: number } | undefined
  readonly #turnDice: Dice

  constructor(seed: string, scenario: Scenario) {
    this.scenario = scenario
    this.dice = createDice(seed)
    this.#turnDice = this.dice.fork('turn')
    const dice = this.dice
    const nowUs = () => this.scheduler.nowUs
    this.network = new Network({
      dice: dice.fork('network'),
      nowUs,
      schedule: (delayUs, event) => this.#schedule(delayUs, event),
      input: (host, input) => this.#hosts.get(host)?.input(input),
    })
    this.network.paths.configureAll(scenario.path)
    this.witness.onViolation = () => this.noteViolation()
    this.history = new History(scenario.clients * scenario.workersPerClient)
    this.servers = this.#makeServers(dice)
    this.clients = this.#makeClients(dice)
    const crewWorld = {
      nowUs,
      count: (what: string) => this.count(what),
      workLater: (worker: number, delayUs: number) => this.#schedule(delayUs, { kind: 'work', worker }),
    }
    this.crew = new Crew(
      crewWorld,
      this.history,
      new Workload(dice.fork('workload'), scenario.keys, scenario.largeBytesMax),
      dice.fork('crew'),
      scenario.thinkUs,
    )
  }

  readonly #hosts = new Map<string, ServerProcess | ClientProcess>()

  get nowUs(): number {
    return this.scheduler.nowUs
  }

  get nowMs(): number {
    return this.scheduler.nowUs / 1000
  }

  server(number: number): ServerProcess {
    return must(this.servers[number], 'a server of this world')
  }

  plan(delayUs: number, run: Planned, argument = 0): void {
    this.#schedule(delayUs, { kind: 'plan', run, argument })
  }

  tell(who: string, text: string): void {
    const line = { atUs: this.nowUs, who, text }
    this.story.push(line)
    this.onStory?.(line)
  }

  count(what: string, times = 1): void {
    this.events.set(what, (this.events.get(what) ?? 0) + times)
  }

  noteViolation(): void {
    this.violatedAt ??= { step: this.steps, atUs: this.nowUs }
  }

  /** Runs until the virtual time is reached, the condition holds, or `stepsMax` machine steps were made. */
  runUntil(untilUs: number, isDone: () => boolean = () => false, stepsMax = Number.POSITIVE_INFINITY): void {
    while (this.steps < stepsMax) {
      const at = this.scheduler.peekAtUs()
      if (at === undefined || at > untilUs || isDone()) return
      this.#carryOut(must(this.scheduler.next(), 'an event was announced'))
    }
  }

  #carryOut(event: WorldEvent): void {
    switch (event.kind) {
      case 'wake':
        if (event.process.life === event.life) event.process.wake()
        return
      case 'turn':
        if (event.process.life === event.life) event.process.turn()
        return
      case 'disk':
        if (event.server.life === event.life) event.server.completeDisk(event.op)
        return
      case 'work':
        this.crew.work(event.worker)
        return
      case 'plan':
        this.hash.text(event.run.name)
        event.run.carryOut(event.argument)
        return
      default:
        this.network.deliver(event)
    }
  }

  #makeServers(dice: Dice): ServerProcess[] {
    const { scenario } = this
    const names = Array.from({ length: scenario.servers }, (_, i) => String.fromCharCode(97 + i) as ServerName)
    const servers = new Map(names.map((name) => [name, `${name}:7400`] as const))
    return names.map((name, number) => {
      const options: ServerOptions = {
        name,
        servers,
        durability: scenario.durability,
        timing: { ...defaultTiming, ...scenario.timing },
        limits: { ...defaultLimits, ...scenario.limits },
        state: { deltasMax: 3, deltaBytesMin: 64, chunkEntriesMax: 3, ...scenario.state },
      }
      const own = dice.fork(`server ${name}`)
      const disk = new SimDisk(own.fork('disk'), scenario.disk)
      const clock = this.#clock(own, scenario.clockRatesPpm[number] ?? 1_000_000)
      const server = new ServerProcess(this.#serverWorld(), number, options, clock, disk, own.fork('entropy'))
      this.#hosts.set(name, server)
      return server
    })
  }

  #makeClients(dice: Dice): ClientProcess[] {
    const addresses = this.servers.map((server) => server.address)
    return Array.from({ length: this.scenario.clients }, (_, i) => {
      const name = `client${i}`
      const own = dice.fork(name)
      const options = { addresses: own.shuffle(addresses), group: undefined, timing: clientTiming }
      const client = new ClientProcess(
        this.#clientWorld(),
        name,
        100 + i,
        options,
        this.#clock(own, 1_000_000),
        own.fork('entropy'),
      )
      this.#hosts.set(name, client)
      return client
    })
  }

  #clock(dice: Dice, ratePpm: number): LocalClock {
    const originMs = dice.intInclusive(0, 1_000_000)
    return new LocalClock({ originMs, wallMs: epochMs + dice.intInclusive(-5000, 5000), ratePpm, startUs: 0 })
  }

  #processWorld() {
    return {
      nowUs: () => this.scheduler.nowUs,
      wakeAt: (process: Wakeable, atUs: number): Handle =>
        this.scheduler.schedule(atUs, { kind: 'wake', process, life: process.life }),
      cancel: (handle: Handle) => {
        this.scheduler.cancel(handle)
      },
      turnSoon: (process: Wakeable) =>
        this.#schedule(this.#turnDice.intInclusive(1, 40), { kind: 'turn', process, life: process.life }),
      stepped: (process: Wakeable, input: Traced) => this.#stepped(process, input),
      acted: (process: Wakeable, input: Traced, effects: readonly Traced[]) => this.#acted(process, input, effects),
    }
  }

  #serverWorld() {
    return {
      ...this.#processWorld(),
      network: this.network,
      witness: this.witness,
      diskDone: (server: ServerProcess, op: DiskOp, delayUs: number) =>
        this.#schedule(delayUs, { kind: 'disk', server, life: server.life, op }),
      serverRefused: (code: RefusalCode) => this.count(`server-refused-${code}`),
      serverEvent: (server: ServerProcess, event: ServerEvent) => this.#serverEvent(server, event),
      serverBurnt: (server: ServerProcess, text: string) => {
        this.tell(server.name, text)
        this.count('burnt')
      },
      serverStopped: (server: ServerProcess, reason: StopReason, text: string) => {
        this.tell(server.name, `stopped: ${text}`)
        this.count(`stopped-${reason}`)
        this.onServerStopped?.(server, reason)
      },
    }
  }

  #clientWorld() {
    return {
      ...this.#processWorld(),
      network: this.network,
      clientNews: (client: ClientProcess, news: ClientNews) => {
        if (news.kind !== 'event') this.crew.hear(news)
        else {
          this.count(`client-${news.event.kind}`)
          if (news.event.kind === 'refused') this.count(`refused-${news.event.code}`)
          if (news.event.kind === 'attached' && news.event.resent > 0) this.count('client-resent', news.event.resent)
          if (news.event.kind === 'expired' || news.event.kind === 'other-history')
            this.tell(client.name, news.event.kind)
        }
      },
    }
  }

  #schedule(delayUs: number, event: WorldEvent): void {
    this.scheduler.schedule(this.scheduler.nowUs + delayUs, event)
  }

  #stepped(process: Wakeable, input: Traced): void {
    this.steps++
    const { hash } = this
    hash.number(this.scheduler.nowUs)
    hash.int(process.number)
    hash.int(input.kind.length)
    if (input.frame !== undefined) hash.bytes(input.frame)
  }

  /** Nothing happens between an input and its effects, so that the hash is still the one of the input. */
  #acted(process: Wakeable, input: Traced, effects: readonly Traced[]): void {
    if (this.onTrace === undefined) return
    const moment = { step: this.steps, atUs: this.scheduler.nowUs, process: process.name, hash: this.hash.value }
    this.onTrace(traceStep(moment, input, effects, (link) => this.network.peerOf(process.name, link)))
  }

  #serverEvent(server: ServerProcess, event: ServerEvent): void {
    this.count(`server-${event.kind}`)
    this.onServerEvent?.(server, event)
    const text = storyOf(event)
    if (text === undefined) return
    // A server that falls behind again and again is told once, until something else happens to it.
    const repeats = event.kind === 'snapshot-installed' && this.#lastTold.get(server) === event.kind
    this.#lastTold.set(server, event.kind)
    if (!repeats) this.tell(server.name, text)
  }
}

/** What of a server's events belongs into the story of a run. */
function storyOf(event: ServerEvent): string | undefined {
  switch (event.kind) {
    case 'role':
      return event.role === 'leader' ? `leads term ${event.term}` : undefined
    case 'formed':
      return `begins history ${event.history}`
    case 'members':
      return `members from ${event.index}: ${event.voters.map(short).join(' ')}${learning(event.learners)}`
    case 'snapshot-installed':
      return `installed the snapshot at ${event.index}`
    case 'torn-tail':
      return `found its last flush torn and dropped it; the log ends at ${event.lastIndex}`
    case 'damage-found':
      return `found damage from ${event.from} to ${event.upTo}: neither votes nor counts until it is repaired`
    case 'repaired':
      return `is whole again at ${event.index}`
    case 'client-expired':
      return `expired client ${event.client}`
    case 'majority-lost':
      return 'a majority of the servers lost its memory'
    case 'diverged':
      return `differs from an equal majority at ${event.index}`
    default:
      return undefined
  }
}

function learning(learners: readonly string[]): string {
  return learners.length > 0 ? `, learning ${learners.map(short).join(' ')}` : ''
}

function short(id: string): string {
  return id.slice(0, id.indexOf('#') + 5)
}
