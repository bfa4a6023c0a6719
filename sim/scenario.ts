import type { ServerLimits, ServerTiming } from '../core/server/options.ts'
import type { SimDiskSettings } from './disk.ts'
import type { PathSettings } from './path.ts'

/** A server of the world: by position, or by the role it plays when the fault strikes. */
export type Target = number | 'leader' | 'follower' | 'any'

export const partitionShapes = [
  'isolate',
  'minority',
  'one-way-in',
  'one-way-out',
  'bridge',
  'ring',
  'clients',
] as const
export type PartitionShape = (typeof partitionShapes)[number]

/** One thing that goes wrong, as plain data. `atMs` counts from the start of the load; times are virtual. */
export type Fault = { readonly atMs: number } & (
  | { readonly kind: 'crash'; readonly target: Target; readonly downMs: number }
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

/** Topology, load and faults of one world, as plain data. Together with a seed it determines a run. */
export interface Scenario {
  readonly name: string
  readonly servers: number
  readonly durability: 'fsync' | 'memory'
  readonly clients: number
  /** Operations that each client has under way at once. */
  readonly workersPerClient: number
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
  readonly faults: readonly Fault[]
  /** What is expected of the end: that the world converges, or that a lost majority is noticed and stays down. */
  readonly ends: 'converged' | 'majority-lost'
}
