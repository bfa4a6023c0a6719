import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import type { Address } from './address.ts'

/**
 * Moves whole frames between processes: the host's side of core/wire/link.ts.
 * Invariant: `onInput` is never called from inside a call of the host, and never again for a link that the host closed
 * or that it reported as `closed`.
 * Invariant: a link that breaks the framing, stalls or overflows is closed alone.
 * Not here: what a frame says, who may speak, when to dial again.
 */
export interface Transport {
  /**
   * Starts listening, once; resolves with the address that was bound. Rejects with an error that says what is in the
   * way.
   */
  listen(address: string): Promise<Address>
  /**
   * Opens a connection under a positive number never used before; `connected` or `closed` follows. Names are resolved
   * each time.
   */
  dial(link: Link, address: string): void
  /** Queues a frame until the flush. On a link that is gone this does nothing. */
  send(link: Link, frame: Uint8Array): void
  /** Ends the host's turn: what was sent to a link goes out in one write. */
  flush(): void
  /**
   * The handshake on the link succeeded: lifts its frame cap from `handshakeBytesMax` to `frameBytesMax` and ends its
   * deadline.
   */
  admit(link: Link): void
  /** Ends the link after what was sent; the host hears nothing more of it. */
  close(link: Link, reason: string): void
  /** Bytes sent to a link that have not left this process. */
  backlog(link: Link): number
  /**
   * Stops listening, ends every link after what was sent and resolves when all are gone. The host hears nothing more.
   */
  shutdown(): Promise<void>
  readonly stats: TransportStats
}

export type OnInput = (input: LinkInput) => void

/** Bounds of time and room for each link; `transportDefaults` holds the usual ones. */
export interface TransportOptions {
  /** From dialling to `connected`, the name's resolution included. */
  readonly connectMs: number
  /** From `connected` or `accepted` to `admit`. */
  readonly handshakeMs: number
  /** In this time a frame that has begun must be finished, or at least `partialFrameBytesMin` of it must have come. */
  readonly partialFrameMs: number
  readonly partialFrameBytesMin: number
  /** How long a closed link may take to get rid of what was sent to it. */
  readonly lingerMs: number
  /** A link with a larger backlog is closed: the other side does not read. */
  readonly sendBytesMax: number
  /** Accepted links of one remote host that are not admitted yet. */
  readonly halfOpenMax: number
  /** Accepted links of all remote hosts. */
  readonly acceptedMax: number
}

export const transportDefaults: TransportOptions = {
  connectMs: 5_000,
  handshakeMs: 5_000,
  partialFrameMs: 10_000,
  partialFrameBytesMin: 64 * 1024,
  lingerMs: 2_000,
  // Twice what is pushed to a client or in flight to a follower before the machine itself stops sending.
  sendBytesMax: 16 * 1024 * 1024,
  // All clients of one machine come back at once after a failover; each can make us hold 16 KiB.
  halfOpenMax: 1_024,
  // As many as the clients that a group registers, with room for their reconnects.
  acceptedMax: 16_384,
}

/** What happened since the start, and what is held now. */
export interface TransportStats {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly framesIn: number
  readonly framesOut: number
  readonly writes: number
  readonly dialled: number
  readonly accepted: number
  readonly checksumFailures: number
  readonly oversized: number
  readonly connectTimeouts: number
  readonly handshakeTimeouts: number
  readonly partialFrameTimeouts: number
  readonly overflows: number
  /** Accepted connections turned away because of `halfOpenMax`. */
  readonly halfOpenRefused: number
  /** Accepted connections turned away because of `acceptedMax`. */
  readonly acceptedRefused: number
  /** Links now, with those that are being closed. */
  readonly links: number
  /** Accepted links now that are not admitted yet. */
  readonly halfOpen: number
  /** Bytes now of unfinished frames and of backlogs. */
  readonly heldBytes: number
}
