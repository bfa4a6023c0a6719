import type { Role } from '../core/wire/message.ts'

/** How the processes of a load run talk: the parent over the channel that `fork` gives it. */
export type ToServer = { readonly kind: 'sample' } | { readonly kind: 'stop' }
export type FromServer =
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'sample'; readonly role: Role; readonly flushes: number } & Used)

export type ToClient =
  | { readonly kind: 'run'; readonly inFlight: number; readonly warmUpMs: number; readonly measureMs: number }
  | { readonly kind: 'stop' }
export type FromClient =
  | { readonly kind: 'ready' }
  /** Warmed up: what is counted begins now. */
  | { readonly kind: 'measuring' }
  | ({ readonly kind: 'measured'; readonly acknowledged: number; readonly ms: number } & Latencies & Used)
  /** Nothing is in flight any more. */
  | { readonly kind: 'drained' }

export interface Latencies {
  readonly p50Us: number
  readonly p99Us: number
}

/** What a process used since its start. */
export interface Used {
  readonly cpuUs: number
  readonly framesOut: number
  readonly bytesOut: number
  readonly writes: number
}
