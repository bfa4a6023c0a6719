import { assert } from '../core/lib/assert.ts'
import { simDiskDefaults } from './disk.ts'
import { calmPath, type PathSettings } from './path.ts'
import type { Dice } from './prng.ts'
import { type Fault, type FaultKind, partitionShapes, type Scenario, serversMin, type Target } from './scenario.ts'

/** Small constants that make the rare machinery run all the time: a log of eight entries, a snapshot every five. */
export const smallLimits = {
  snapshotEntries: 5,
  snapshotBytes: 4096,
  trailingEntries: 3,
  snapshotChunkBytes: 256,
  snapshotChunksInflight: 2,
  checkpointEntries: 1,
  appendBytesMax: 512,
  inflightMessagesMax: 3,
  inflightBytesMax: 4096,
  uncommittedBytesMax: 64 * 1024,
  applyEntriesMax: 16,
  creditsPerClient: 32,
  blockBytes: 512,
  segmentBytes: 16 * 1024,
  flushBytesMax: 4096,
} as const

/** A calm world of three servers with small constants; scenarios change what they are about. */
export function calmScenario(name: string): Scenario {
  return {
    name,
    servers: 3,
    durability: 'fsync',
    clients: 3,
    workersPerClient: 4,
    keys: 6,
    thinkUs: 8_000,
    durationMs: 12_000,
    path: calmPath,
    disk: simDiskDefaults,
    clockRatesPpm: [],
    timing: {},
    limits: smallLimits,
    faults: [],
    ends: 'converged',
  }
}

/** Zero in a third of the worlds, else up to `max`: a fault that is always there hides what happens without it. */
export function drawRate(dice: Dice, max: number): number {
  return dice.chance(1, 3) ? 0 : dice.intInclusive(1, max)
}

/** Weather for the whole run: every rate drawn anew, zero included. */
export function drawPath(dice: Dice): PathSettings {
  return {
    latencyMinUs: dice.intInclusive(20, 300),
    latencyMeanUs: dice.intInclusive(30, 1500),
    tailPerMillion: drawRate(dice, 5000),
    tailMeanUs: dice.intInclusive(5_000, 120_000),
    lossPerMillion: drawRate(dice, 20_000),
    duplicationPerMillion: drawRate(dice, 30_000),
    reorderPerMillion: drawRate(dice, 60_000),
    corruptionPerMillion: drawRate(dice, 300),
    queueFramesMax: dice.chance(1, 3) ? dice.intInclusive(8, 64) : 10_000,
  }
}

/** A clock rate within five percent of true. */
export function drawClockRate(dice: Dice): number {
  return dice.chance(1, 3) ? 1_000_000 : dice.intInclusive(975_000, 1_025_000)
}

interface Mix {
  /** How many there are, three unless told: not every fault fits a smaller group. */
  readonly servers?: number | undefined
  readonly kinds: readonly FaultKind[]
  readonly fromMs: number
  readonly untilMs: number
  readonly gapMs: readonly [min: number, max: number]
}

/** Faults of these kinds, one after the other, with quiet windows in which work gets done. */
export function drawFaults(dice: Dice, mix: Mix): Fault[] {
  const faults: Fault[] = []
  for (let atMs = mix.fromMs; atMs < mix.untilMs; atMs += dice.intInclusive(mix.gapMs[0], mix.gapMs[1])) {
    faults.push(drawFault(dice, dice.pick(mix.kinds), atMs, mix.servers ?? 3))
  }
  return faults
}

interface Bursts {
  readonly servers: number
  readonly kinds: readonly FaultKind[]
  readonly fromMs: number
  readonly untilMs: number
  /** How many faults come close together, how close, and how long the quiet behind them lasts. */
  readonly faults: readonly [min: number, max: number]
  readonly gapMs: readonly [min: number, max: number]
  readonly quietMs: readonly [min: number, max: number]
}

/** Faults in bursts, so that they meet one another, with a quiet behind each in which work gets done. */
export function drawBursts(dice: Dice, bursts: Bursts): Fault[] {
  const faults: Fault[] = []
  for (let atMs = bursts.fromMs; atMs < bursts.untilMs; atMs += dice.intInclusive(...bursts.quietMs)) {
    for (let left = dice.intInclusive(...bursts.faults); left > 0; left--) {
      faults.push(drawFault(dice, dice.pick(bursts.kinds), atMs, bursts.servers))
      atMs += dice.intInclusive(...bursts.gapMs)
    }
  }
  return faults
}

/** A fault of this kind that fits a group of so many servers. */
export function drawFault(dice: Dice, kind: FaultKind, atMs: number, servers: number): Fault {
  assert(servers >= 1, 'a group has servers')
  const target: Target = dice.pick(['leader', 'leader', 'follower', 'any'])
  const forMs = drawLengthMs(dice)
  const downMs = drawLengthMs(dice)
  switch (kind) {
    case 'power-loss':
      return { atMs, kind, target: dice.chance(1, 4) ? 'all' : target, downMs }
    case 'crash':
    case 'wipe':
    case 'shutdown':
      return { atMs, kind, target, downMs }
    case 'restart-all':
      return { atMs, kind, downMs }
    case 'pause':
    case 'clog':
    case 'disk-full':
      return { atMs, kind, target, forMs }
    case 'partition':
      return {
        atMs,
        kind,
        target,
        shape: dice.pick(partitionShapes.filter((shape) => servers >= serversMin(shape))),
        forMs,
      }
    case 'weather':
      return { atMs, kind, path: drawStorm(dice), forMs }
    case 'slow-disk':
      return { atMs, kind, target, factor: dice.intInclusive(5, 400), forMs }
    case 'bit-rot':
      return { atMs, kind, target, bits: dice.intInclusive(1, 8), downMs }
    case 'clock-jump':
      return { atMs, kind, target, byMs: dice.intInclusive(-3_600_000, 3_600_000) }
    case 'clock-rate':
      return { atMs, kind, target, ratePpm: drawClockRate(dice) }
    case 'client-crash':
      return { atMs, kind, client: dice.intInclusive(0, 9) }
    case 'sever':
    case 'fsync-failure':
    case 'transfer':
    case 'recover':
      return { atMs, kind, target: kind === 'transfer' ? 'leader' : target }
  }
}

/** Mostly too short for an election; now and then long enough for several. */
function drawLengthMs(dice: Dice): number {
  return dice.chance(1, 4) ? dice.intInclusive(800, 3000) : dice.intInclusive(50, 800)
}

function drawStorm(dice: Dice): Partial<PathSettings> {
  return {
    lossPerMillion: drawRate(dice, 150_000),
    duplicationPerMillion: drawRate(dice, 300_000),
    reorderPerMillion: drawRate(dice, 400_000),
    corruptionPerMillion: drawRate(dice, 3000),
  }
}
