import type { End } from './end.ts'
import type { Path } from './path.ts'

/** The deadlines that a real transport keeps. */
export interface NetworkDeadlines {
  readonly dialUs: number
  readonly handshakeUs: number
  readonly partialFrameUs: number
}

export type NetworkEvent =
  | { readonly kind: 'net-frame'; readonly to: End; readonly bytes: Uint8Array; readonly copy: boolean }
  | { readonly kind: 'net-control'; readonly to: End; readonly control: Control }
  | { readonly kind: 'net-deadline'; readonly end: End; readonly of: keyof NetworkDeadlines; readonly frames: number }
  | { readonly kind: 'net-unclog'; readonly path: Path<Arrival> }

export type Arrival = Extract<NetworkEvent, { to: End }>
export type Control = 'dial' | 'accept' | 'refuse' | 'finish' | 'reset'

/** What happened, fault by fault. `delivered` and `bytes` count payloads that reached a host. */
export type NetworkCounters = Readonly<Record<keyof typeof noCounts, number>>

export const noCounts = {
  delivered: 0,
  bytes: 0,
  lost: 0,
  duplicated: 0,
  reordered: 0,
  corrupted: 0,
  /** Connections broken because what came in was no frame. */
  rejected: 0,
  overflowed: 0,
  cutDrops: 0,
  clogged: 0,
  dials: 0,
  refused: 0,
  timedOut: 0,
  resets: 0,
  /** Frames for a link that isn't open: sent too early or too late, or overtaken by its end. */
  strays: 0,
}
