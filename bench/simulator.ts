import { ClientMachine } from '../core/client/client-machine.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import { Nemesis } from '../sim/nemesis.ts'
import { createDice, type Dice } from '../sim/prng.ts'
import type { FaultKind, Scenario } from '../sim/scenario.ts'
import { calmScenario, drawFaults, drawPath } from '../sim/swarm.ts'
import { Witness } from '../sim/witness.ts'
import { World } from '../sim/world.ts'
import { median } from './figures.ts'

export interface SimulatorFigure {
  readonly world: string
  readonly invariants: boolean
  /** In one second of one core, whatever else this machine has to do. */
  readonly deliveriesPerSecond: number
  readonly stepsPerSecond: number
  /** Virtual seconds in such a second. */
  readonly speed: number
}

const faultKinds: readonly FaultKind[] = [
  'crash',
  'power-loss',
  'shutdown',
  'pause',
  'partition',
  'clog',
  'sever',
  'weather',
  'slow-disk',
  'clock-jump',
  'clock-rate',
  'transfer',
  'client-crash',
]

const busy = { clients: 4, workersPerClient: 8, thinkUs: 1000, keys: 12 } as const

const worlds: Readonly<Record<string, (dice: Dice, durationMs: number) => Scenario>> = {
  calm: (_dice, durationMs) => ({ ...calmScenario('calm'), ...busy, durationMs }),
  'everything at once': (dice, durationMs) => ({
    ...calmScenario('everything at once'),
    ...busy,
    durationMs,
    path: drawPath(dice),
    faults: drawFaults(dice, { kinds: faultKinds, fromMs: 500, untilMs: durationMs, gapMs: [300, 1600] }),
  }),
}

/** How fast worlds go by, with every invariant checked after every step and without; the same seeds for both. */
export function measureSimulator(virtualMs: number, seeds: number): readonly SimulatorFigure[] {
  return Object.entries(worlds).flatMap(([name, draw]) =>
    [true, false].map((invariants) => {
      const runs = Array.from({ length: seeds }, (_, seed) => measure(`bench ${seed}`, draw, virtualMs, invariants))
      return {
        world: name,
        invariants,
        deliveriesPerSecond: median(runs.map((run) => run.delivered / run.seconds)),
        stepsPerSecond: median(runs.map((run) => run.steps / run.seconds)),
        speed: median(runs.map((run) => run.virtualSeconds / run.seconds)),
      }
    }),
  )
}

function measure(
  seed: string,
  draw: (dice: Dice, durationMs: number) => Scenario,
  virtualMs: number,
  invariants: boolean,
) {
  const world = new World(seed, draw(createDice(seed).fork('scenario'), virtualMs))
  const nemesis = new Nemesis(world)
  world.onServerStopped = (server) => nemesis.supervise(server)
  const restore = invariants ? () => {} : withoutInvariants()
  try {
    for (const server of world.servers) server.start()
    world.runUntil(30_000_000, () => world.servers.some((server) => server.server?.core.serves === true))
    for (const client of world.clients) {
      world.crew.employ(client, world.scenario.workersPerClient, world.scenario.readersPerClient ?? 0)
      client.start()
    }
    nemesis.begin()
    const { delivered } = world.network.counters
    const { steps, nowUs } = world
    const before = process.cpuUsage()
    world.runUntil(nowUs + virtualMs * 1000)
    const { user, system } = process.cpuUsage(before)
    const seconds = (user + system) / 1e6
    const virtualSeconds = (world.nowUs - nowUs) / 1e6
    return {
      delivered: world.network.counters.delivered - delivered,
      steps: world.steps - steps,
      seconds,
      virtualSeconds,
    }
  } finally {
    restore()
  }
}

/** Takes the checks out of every machine and the witness out of every world; returns what puts them back. */
function withoutInvariants(): () => void {
  const prototypes = [ServerMachine.prototype, ClientMachine.prototype]
  const checks = prototypes.map((prototype) => prototype.checkInvariants)
  const { observe } = Witness.prototype
  for (const prototype of prototypes) prototype.checkInvariants = () => {}
  Witness.prototype.observe = () => {}
  return () => {
    for (const [i, prototype] of prototypes.entries())
      prototype.checkInvariants = checks[i] ?? prototype.checkInvariants
    Witness.prototype.observe = observe
  }
}
