import { majorityOf } from '../core/consensus/quorum.ts'
import { assert } from '../core/lib/assert.ts'
import { nameOf } from '../core/wire/ids.ts'
import { lookUs, StepWatch } from './change-step.ts'
import { bridge, type Grudge, isolate, majoritiesRing, oneWay, split } from './grudge.ts'
import type { Dice } from './prng.ts'
import type { Fault, Target } from './scenario.ts'
import type { ServerProcess } from './server-process.ts'
import type { Planned, World } from './world.ts'

type DiskFault = Extract<Fault, { kind: 'slow-disk' | 'fsync-failure' | 'disk-full' | 'bit-rot' }>

/** How soon a supervisor starts a process again that ended by itself. */
const superviseUs = 400_000

/**
 * Makes the faults of a scenario strike, and ends them.
 * Invariant: a fault that destroys a server's memory strikes only while a majority of the group keeps its own and
 * nobody else is being replaced, unless the scenario asks for the loss of a majority: what nobody could survive proves
 * nothing.
 */
export class Nemesis {
  readonly #world: World
  readonly #dice: Dice
  readonly struck = new Map<string, number>()
  skipped = 0
  /** The scenario wants a majority lost: nothing holds faults back. */
  readonly #merciless: boolean
  #isOver = false

  constructor(world: World) {
    this.#world = world
    this.#dice = world.dice.fork('nemesis')
    this.#stepWatch = new StepWatch(world.servers)
    this.#merciless = world.scenario.ends !== 'converged'
  }

  /** Plans all faults, counted from now. */
  begin(): void {
    this.#world.scenario.faults.forEach((fault, i) => {
      this.#world.plan(fault.atMs * 1000, this.#strike, i)
    })
  }

  /** No more faults; those that last are ended by whoever heals the world. */
  end(): void {
    this.#isOver = true
  }

  /** A server stopped by itself: a supervisor starts it again, unless it left for good. */
  supervise(server: ServerProcess): void {
    this.#armed.delete(server)
    this.#world.plan(superviseUs, this.#restart, server.number)
  }

  readonly #strike: Planned = {
    name: 'strike',
    carryOut: (i) => {
      const fault = this.#world.scenario.faults[i]
      if (this.#isOver || fault === undefined || this.#waits(fault, i)) return
      const done = this.#inflict(fault)
      if (done) {
        this.struck.set(fault.kind, (this.struck.get(fault.kind) ?? 0) + 1)
        this.#world.count(`fault-${fault.kind}`)
        if (fault.kind === 'crash' && fault.during !== undefined) this.#world.count(`crash-while-${fault.during}`)
      } else this.skipped++
    },
  }

  readonly #restart: Planned = {
    name: 'restart',
    carryOut: (number) => {
      const server = this.#world.server(number)
      if (server.isUp || this.#dead.has(server)) return
      server.start()
      this.#world.tell(server.name, 'starts')
    },
  }

  readonly #resume: Planned = {
    name: 'resume',
    carryOut: (number) => {
      const server = this.#world.server(number)
      if (!server.isPaused) return
      server.resume()
      this.#world.tell(server.name, 'goes on')
    },
  }

  readonly #calmDisk: Planned = {
    name: 'calm disk',
    carryOut: (number) => {
      const { disk } = this.#world.server(number)
      disk.slowness = 1
      disk.capacityBytes = this.#world.scenario.disk.capacityBytes
    },
  }

  readonly #calmWeather: Planned = {
    name: 'calm weather',
    carryOut: () => this.#world.network.paths.configureAll(this.#world.scenario.path),
  }

  readonly #lift: Planned = {
    name: 'lift',
    carryOut: (number) => {
      const grudge = this.#grudges.get(number)
      this.#grudges.delete(number)
      if (grudge !== undefined) this.#world.network.paths.lift(grudge)
      this.#world.tell('network', 'the partition ends')
    },
  }

  readonly #grudges = new Map<number, Grudge>()
  readonly #dead = new Set<ServerProcess>()
  readonly #stepWatch: StepWatch
  /** Their next sync fails, whenever it comes: they are as good as lost. */
  readonly #armed = new Set<ServerProcess>()
  #nextGrudge = 0

  /** Ends everything that lasts; the servers named live on, the others are dead for good. */
  heal(core: readonly ServerProcess[]): void {
    const world = this.#world
    world.network.paths.healAll()
    world.network.paths.configureAll(world.scenario.path)
    for (const server of world.servers) {
      server.disk.mend(world.scenario.disk.capacityBytes)
      if (server.isPaused) server.resume()
      if (core.includes(server)) {
        if (!server.isUp) server.start()
      } else {
        this.#dead.add(server)
        if (server.isUp) server.crash(false)
      }
    }
  }

  /** A fault that is meant for a step of a change looks again soon until that comes, for a while. */
  #waits(fault: Fault, i: number): boolean {
    if (fault.kind !== 'crash' || fault.during === undefined) return false
    const answer = this.#stepWatch.look(i, fault.during)
    if (answer === 'not-yet') this.#world.plan(lookUs, this.#strike, i)
    return answer !== 'now'
  }

  #inflict(fault: Fault): boolean {
    switch (fault.kind) {
      case 'restart-all':
        return this.#all(fault.downMs, false)
      case 'power-loss':
        return fault.target === 'all' ? this.#all(fault.downMs, true) : this.#down(fault.target, fault.downMs, 'power')
      case 'crash':
        return this.#down(fault.target, fault.downMs, 'crash')
      case 'wipe':
        return this.#down(fault.target, fault.downMs, 'wipe')
      case 'weather':
        this.#world.network.paths.configureAll({ ...this.#world.scenario.path, ...fault.path })
        this.#world.plan(fault.forMs * 1000, this.#calmWeather)
        this.#world.tell('network', `bad weather for ${fault.forMs} ms`)
        return true
      case 'client-crash':
        return this.#crashClient(fault.client)
      default:
        return this.#onServer(fault)
    }
  }

  #onServer(
    fault: Exclude<Fault, { kind: 'restart-all' | 'power-loss' | 'crash' | 'wipe' | 'weather' | 'client-crash' }>,
  ): boolean {
    const world = this.#world
    const server = this.#find(fault.target)
    if (server === undefined) return false
    switch (fault.kind) {
      case 'shutdown':
        if (!server.isDurable && !this.#mayLose(server)) return false
        world.tell(server.name, 'is told to shut down')
        server.shutDown()
        return true
      case 'pause':
        world.tell(server.name, `stands still for ${fault.forMs} ms`)
        server.pause()
        world.plan(fault.forMs * 1000, this.#resume, server.number)
        return true
      case 'partition':
        this.#partition(fault, server)
        return true
      case 'clog':
        for (const other of this.#hosts()) {
          if (other !== server.name) world.network.paths.clog(server.name, other, fault.forMs * 1000)
        }
        world.tell(server.name, `is clogged for ${fault.forMs} ms`)
        return true
      case 'sever':
        for (const other of this.#hosts()) world.network.sever(server.name, other)
        world.tell(server.name, 'loses all its connections')
        return true
      case 'slow-disk':
      case 'fsync-failure':
      case 'disk-full':
      case 'bit-rot':
        return server.isDurable && this.#onDisk(fault, server)
      case 'clock-jump':
        server.clock.jumpWall(fault.byMs)
        world.tell(server.name, `has its wall clock set by ${fault.byMs} ms`)
        return true
      case 'clock-rate':
        server.clock.setRate(world.nowUs, fault.ratePpm)
        world.tell(server.name, `has a clock of rate ${fault.ratePpm} ppm`)
        return true
      case 'transfer':
        world.tell(server.name, 'is asked to hand leadership over')
        server.input({ kind: 'transfer', to: undefined })
        return true
      case 'recover':
        world.tell(server.name, 'is ordered to recover')
        server.input({ kind: 'recover' })
        return true
    }
  }

  #onDisk(fault: DiskFault, server: ServerProcess): boolean {
    const world = this.#world
    switch (fault.kind) {
      case 'slow-disk':
        server.disk.slowness = fault.factor
        world.plan(fault.forMs * 1000, this.#calmDisk, server.number)
        world.tell(server.name, `has a disk ${fault.factor} times slower for ${fault.forMs} ms`)
        return true
      case 'fsync-failure':
        if (!this.#mayLose(server)) return false
        server.disk.failNextSync()
        this.#armed.add(server)
        world.tell(server.name, 'will fail to sync')
        return true
      case 'disk-full':
        server.disk.capacityBytes = 0
        world.plan(fault.forMs * 1000, this.#calmDisk, server.number)
        world.tell(server.name, `has a full disk for ${fault.forMs} ms`)
        return true
      case 'bit-rot':
        return this.#rot(server, fault.bits, fault.downMs)
    }
  }

  #down(target: Target, downMs: number, how: 'crash' | 'power' | 'wipe'): boolean {
    const server = this.#find(target)
    if (server === undefined) return false
    const forgets = how === 'wipe' || !server.isDurable
    if (forgets && !this.#mayLose(server)) return false
    this.#world.tell(
      server.name,
      { crash: 'is killed', power: 'loses power', wipe: 'is killed and loses its disk' }[how],
    )
    server.crash(how === 'power')
    if (forgets) server.forget()
    this.#world.plan(downMs * 1000, this.#restart, server.number)
    return true
  }

  #all(downMs: number, power: boolean): boolean {
    const { servers } = this.#world
    if (!this.#merciless && servers.some((server) => !server.isDurable)) return false
    this.#world.tell('all servers', power ? 'lose power' : 'are killed')
    for (const server of servers) {
      server.crash(power)
      this.#world.plan(downMs * 1000 + this.#dice.intInclusive(0, 200_000), this.#restart, server.number)
    }
    return true
  }

  /**
   * The last flush of the log is spared: before the next one seals it, rot there can't be told from a torn write (R4).
   */
  #rot(server: ServerProcess, bits: number, downMs: number): boolean {
    if (!this.#mayLose(server)) return false
    server.crash(true)
    let rotted = 0
    for (let i = 0; i < bits; i++) if (server.disk.rotAnywhere(undefined, isOfLog) !== undefined) rotted++
    this.#world.witness.quorumMayBeDamaged = true
    this.#world.tell(server.name, `loses power, and ${rotted} bits of its disk flip`)
    this.#world.plan(downMs * 1000, this.#restart, server.number)
    return rotted > 0
  }

  #partition(fault: Extract<Fault, { kind: 'partition' }>, server: ServerProcess): void {
    const grudge = this.#grudgeOf(fault.shape, server.name)
    const number = this.#nextGrudge++
    this.#grudges.set(number, grudge)
    this.#world.network.paths.impose(grudge)
    this.#world.plan(fault.forMs * 1000, this.#lift, number)
    this.#world.tell('network', `partition (${fault.shape}) around ${server.name} for ${fault.forMs} ms`)
    this.#world.count(`partition-${fault.shape}`)
  }

  #grudgeOf(shape: Extract<Fault, { kind: 'partition' }>['shape'], name: string): Grudge {
    const hosts = this.#hosts()
    const servers = this.#world.servers.map((server) => server.name)
    const others = hosts.filter((host) => host !== name)
    switch (shape) {
      case 'isolate':
        return isolate(name, hosts)
      case 'minority': {
        const minority = this.#minorityAround(name, servers)
        return split(
          minority,
          hosts.filter((host) => !minority.includes(host)),
        )
      }
      case 'majority': {
        const minority = this.#minorityAround(name, servers)
        const majority = servers.filter((server) => !minority.includes(server))
        return split(
          majority,
          hosts.filter((host) => !majority.includes(host)),
        )
      }
      case 'one-way-in':
        return oneWay(others, [name])
      case 'one-way-out':
        return oneWay([name], others)
      case 'bridge': {
        const rest = this.#dice.shuffle(others.filter((other) => servers.includes(other)))
        const half = Math.ceil(rest.length / 2)
        return bridge(name, rest.slice(0, half), rest.slice(half))
      }
      case 'ring':
        return majoritiesRing(servers)
      case 'clients':
        return split(
          hosts.filter((host) => !servers.includes(host)),
          [name],
        )
      // Clients still reach it: if it leads, it takes what it can't commit.
      case 'servers':
        return isolate(name, servers)
    }
  }

  #minorityAround(name: string, servers: readonly string[]): readonly string[] {
    const others = this.#dice.shuffle(servers.filter((other) => other !== name))
    return [name, ...others].slice(0, Math.max(1, Math.floor((servers.length - 1) / 2)))
  }

  #crashClient(number: number): boolean {
    const client = this.#world.clients[number % this.#world.clients.length]
    assert(client !== undefined, 'a world has clients')
    client.crash()
    this.#world.crew.clientDied(client)
    client.start()
    this.#world.tell(client.name, 'dies and is started again')
    return true
  }

  #find(target: Target): ServerProcess | undefined {
    const up = this.#world.servers.filter((server) => server.isUp && !server.isPaused)
    if (typeof target === 'number') return up.find((server) => server.number === target)
    const leader = up.findLast((server) => server.server?.core.replica?.role === 'leader')
    if (target === 'leader') return leader
    const eligible = target === 'follower' ? up.filter((server) => server !== leader) : up
    return eligible.length === 0 ? undefined : this.#dice.pick(eligible)
  }

  /**
   * Whether the group survives this server's loss of memory: all others must be sound voters of one settled
   * configuration.
   */
  #mayLose(server: ServerProcess): boolean {
    if (this.#merciless) return true
    const leader = this.#world.servers.find((other) => other.server?.core.serves === true)?.server?.core.replica
    if (leader === undefined || leader.membersIndex > leader.commit || leader.members.outgoing.length > 0) return false
    const sound = leader.members.voters.filter((id) => {
      const holder = this.#world.servers.find((other) => other.server?.id === id)
      return (
        holder !== undefined &&
        holder !== server &&
        holder.isUp &&
        !holder.isShuttingDown &&
        !this.#armed.has(holder) &&
        holder.server?.core.replica?.repairing === false
      )
    })
    const isVoter = leader.members.voters.some((id) => nameOf(id) === server.name)
    const others = leader.members.voters.length - (isVoter ? 1 : 0)
    return sound.length === others && sound.length >= majorityOf(leader.members.voters.length)
  }

  #hosts(): string[] {
    return [...this.#world.servers, ...this.#world.clients].map((process) => process.name)
  }
}

function isOfLog(file: string): boolean {
  return file.startsWith('wal-')
}
