import { assert } from '../lib/assert.ts'
import type { GroupId } from '../wire/ids.ts'

/** Who a client is looking for and how patiently. What is left out has its default. */
export interface ClientOptions {
  /** Servers to dial, `host:port`. Others are learned from redirects and not kept. */
  readonly addresses: readonly string[]
  /** The group wanted; undefined accepts whichever answers. */
  readonly group: GroupId | undefined
  readonly timing?: Partial<ClientTiming> | undefined
  readonly limits?: Partial<ClientLimits> | undefined
}

export interface ClientTiming {
  /** A hello that nobody answered is sent again after this. */
  readonly helloMs: number
  readonly keepaliveMs: number
  /** A server that says nothing for this long is given up. */
  readonly silenceMs: number
  /** The first wait between two attempts, and the one that they grow to. */
  readonly backoffMsMin: number
  readonly backoffMsMax: number
  /** A request, read, registration or attach without an answer is sent again after this. */
  readonly resendMs: number
  /** An address whose server can't be ours (another group, no common protocol) is left alone for this long. */
  readonly avoidMs: number
}

export const clientTiming: ClientTiming = {
  helloMs: 250,
  keepaliveMs: 300,
  silenceMs: 1500,
  backoffMsMin: 25,
  backoffMsMax: 1000,
  resendMs: 500,
  avoidMs: 10_000,
}

export interface ClientLimits {
  /** Numbered requests from the oldest without a result to the youngest; reads in flight, counted apart. */
  readonly requestsInFlightMax: number
  /** A single request may exceed it when nothing else is in flight. */
  readonly bytesInFlightMax: number
  /** Submits without a number; queries without an answer, counted apart. */
  readonly waitingCallsMax: number
  /** What all calls without an answer may hold. */
  readonly heldBytesMax: number
  /** Half of what a frame carries, so that a request also fits into the frames between servers. */
  readonly requestBytesMax: number
  /**
   * How often the oldest request goes again on one link before the link is given up, however alive the server seems
   * there.
   */
  readonly overdueMax: number
  /** A `requests` message is begun anew beyond this. */
  readonly batchBytesMax: number
}

export const clientLimits: ClientLimits = {
  requestsInFlightMax: 1024,
  bytesInFlightMax: 1024 * 1024,
  waitingCallsMax: 10_000,
  heldBytesMax: 64 * 1024 * 1024,
  requestBytesMax: 2 * 1024 * 1024,
  overdueMax: 4,
  batchBytesMax: 256 * 1024,
}

/** Options with nothing left out. */
export interface ClientSettings {
  readonly addresses: readonly string[]
  readonly group: GroupId | undefined
  readonly timing: ClientTiming
  readonly limits: ClientLimits
}

export function clientSettings(options: ClientOptions): ClientSettings {
  const timing = { ...clientTiming, ...options.timing }
  const limits = { ...clientLimits, ...options.limits }
  assert(options.addresses.length > 0, 'a client needs a server to dial')
  assert(timing.helloMs < timing.silenceMs, 'a lost hello would look like a silent server')
  assert(timing.keepaliveMs < timing.silenceMs, 'an idle server would look like a silent one')
  assert(1 <= timing.backoffMsMin && timing.backoffMsMin <= timing.backoffMsMax, 'no such back-off')
  assert(limits.requestsInFlightMax >= 1 && limits.bytesInFlightMax >= 1, 'nothing could be sent')
  return { addresses: [...options.addresses], group: options.group, timing, limits }
}
