import type { Link } from './ids.ts'

/**
 * What a machine says to the transport and hears from it. A frame is the payload of one message: the transport adds
 * length and checksum (framer), and may lose, duplicate, delay and reorder frames, but never alters one.
 */
export type LinkEffect =
  /**
   * Open a connection to `address` (`host:port`) under a number this machine chose; `connected` or `closed` follows.
   */
  | { readonly kind: 'dial'; readonly link: Link; readonly address: string }
  | { readonly kind: 'send'; readonly link: Link; readonly frame: Uint8Array }
  /** The handshake on this link succeeded: the transport lifts its small frame cap and its handshake deadline. */
  | { readonly kind: 'admit'; readonly link: Link }
  /** End the link after the frames already sent. No `closed` follows. */
  | { readonly kind: 'close'; readonly link: Link; readonly reason: string }

export type LinkInput =
  | { readonly kind: 'accepted'; readonly link: Link; readonly remote: string }
  | { readonly kind: 'connected'; readonly link: Link }
  | { readonly kind: 'frame'; readonly link: Link; readonly frame: Uint8Array }
  /**
   * The link is gone, or could not be opened; `refused` when nobody listens at the address. Never sent for a link that
   * the machine closed. `unread`: more waited to leave than a link may hold, for the other side did not read.
   */
  | {
      readonly kind: 'closed'
      readonly link: Link
      readonly refused: boolean
      readonly reason: string
      readonly unread?: true | undefined
    }
