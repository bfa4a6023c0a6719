import type { ServerLimits, ServerTiming } from '../core/server/options.ts'
import type { StateLimits } from '../core/state/limits.ts'
import type { ChangeStep } from './change-step.ts'
import type { SimDiskSettings } from './disk.ts'
import type { PathSettings } from './path.ts'

/** A server of the world: by position, or by the role it plays when the fault strikes. */
export type Target = number | 'leader' | 'follower' | 'any'

export const partitionShapes = [
  'isolate',
  'minority',
  'majority',
  'one-way-in',
  'one-way-out',
  'bridge',
  'ring',
  'clients',
  'servers',
] as const
export type PartitionShape = (typeof partitionShapes)[number]

/** How many servers a group needs to be partitioned so: a ring has three, and a bridge joins two others. */
export function serversMin(shape: PartitionShape): number {
  return shape === 'ring' || shape === 'bridge' ? 3 : 1
}

/** One thing that goes wrong, as plain data. `atMs` counts from the start of the load; times are virtual. */
export type Fault = {
  readonly atMs: number
} /** With `during` it waits for that step of a change of members, for a while. */ & (
  | {
      readonly kind: 'crash'
      readonly target: Target
      readonly downMs: number
      readonly during?: ChangeStep | undefined
    }
  /** The machine loses power: what was not synced is lost, torn or out of order. */
  | { readonly kind: 'power-loss'; readonly target: Target | 'all'; readonly downMs: number }
  | { readonly kind: 'restart-all'; readonly downMs: number }
  /** SIGTERM, and a new start. */
  | { readonly kind: 'shutdown'; readonly target: Target; readonly downMs: number }
  | { readonly kind: 'pause'; readonly target: Target; readonly forMs: number }
  | { readonly kind: 'wipe'; readonly target: Target; readonly downMs: number }
  | { readonly kind: 'partition'; readonly shape: PartitionShape; readonly target: Target; readonly forMs: number }
  | { readonly kind: 'clog'; readonly target: Target; readonly forMs: number }
  | { readonly kind: 'sever'; readonly target: Target }
  | { readonly kind: 'weather'; readonly path: Partial<PathSettings>; readonly forMs: number }
  | { readonly kind: 'slow-disk'; readonly target: Target; readonly factor: number; readonly forMs: number }
  | { readonly kind: 'fsync-failure'; readonly target: Target }
  | { readonly kind: 'disk-full'; readonly target: Target; readonly forMs: number }
  /** Bits of what was durable flip while the server is down. */
  | { readonly kind: 'bit-rot'; readonly target: Target; readonly bits: number; readonly downMs: number }
  | { readonly kind: 'clock-jump'; readonly target: Target; readonly byMs: number }
  | { readonly kind: 'clock-rate'; readonly target: Target; readonly ratePpm: number }
  | { readonly kind: 'transfer'; readonly target: Target }
  | { readonly kind: 'client-crash'; readonly client: number }
  /** An operator's order after a lost majority. */
  | { readonly kind: 'recover'; readonly target: Target }
)

export type FaultKind = Fault['kind']

const described: Readonly<Record<FaultKind, string>> = {
  crash: 'kill -9',
  'power-loss': 'power loss',
  'restart-all': 'kill -9 of all',
  shutdown: 'SIGTERM',
  pause: 'SIGSTOP',
  wipe: 'lost disk',
  partition: 'partition',
  clog: 'clogged links',
  sever: 'broken connections',
  weather: 'bad weather on the network',
  'slow-disk': 'slow disk',
  'fsync-failure': 'failed fsync',
  'disk-full': 'full disk',
  'bit-rot': 'flipped bits on a disk',
  'clock-jump': 'wall clock set',
  'clock-rate': 'clock drift',
  transfer: 'leadership handed over',
  'client-crash': 'client killed',
  recover: 'ordered to recover',
}

/** All kinds, in the order in which they are reported. */
export const faultKinds = Object.keys(described) as readonly FaultKind[]

export function describeFaultKind(kind: FaultKind): string {
  return described[kind]
}

/** Topology, load and faults of one world, as plain data. Together with a seed it determines a run. */
export interface Scenario {
  readonly name: string
  readonly servers: number
  readonly durability: 'fsync' | 'memory'
  readonly clients: number
  /** Operations that each client has under way at once. */
  readonly workersPerClient: number
  /** So many of them only read, and so never wait for what can't be committed. */
  readonly readersPerClient?: number | undefined
  readonly keys: number
  /** Mean pause of a worker between two operations. */
  readonly thinkUs: number
  /** Virtual length of the load with faults; before it the group forms, after it the world heals and must converge. */
  readonly durationMs: number
  readonly path: PathSettings
  readonly disk: SimDiskSettings
  /** Local microseconds in a million of the world's, one for each server. */
  readonly clockRatesPpm: readonly number[]
  readonly timing: Partial<ServerTiming>
  readonly limits: Partial<ServerLimits>
  /** Bounds of what the servers keep, the same on all. */
  readonly state?: Partial<StateLimits> | undefined
  /** Now and then a document of up to so many bytes is created; never when it is left out. */
  readonly largeBytesMax?: number | undefined
  readonly faults: readonly Fault[]
  /**
   * What is expected of the end: that the world converges; that a lost majority is noticed and stays down; or that it
   * converges after an operator ordered what was left of a lost majority to `recover`.
   */
  readonly ends: 'converged' | 'majority-lost' | 'recovered'
  /**
   * Events, by their names in a run's result, that must have happened at least so often: else the run proves nothing.
   */
  readonly expects?: Readonly<Record<string, number>> | undefined
}
