import { decodeMessage } from '../core/wire/codec.ts'
import type { Link } from '../core/wire/ids.ts'

/** One step of a machine, for a trace file. */
export interface TraceStep {
  readonly step: number
  readonly atUs: number
  readonly process: string
  readonly input: string
  /** The other side, when the input came over a link. */
  readonly from: string | undefined
  /** The kind of message, when the input is a frame that holds one. */
  readonly message: string | undefined
  readonly frameBytes: number
  /** Of everything up to this input: where two traces part, their hashes do. */
  readonly hash: number
  /** The kinds of what the machine did, in order; of a frame with its message and where it goes. */
  readonly effects: readonly string[]
}

/** As much of an input or an effect as a trace tells. */
export interface Traced {
  readonly kind: string
  readonly link?: Link
  readonly frame?: Uint8Array
  /** Whom a machine dials. */
  readonly address?: string
}

type PeerOf = (link: Link) => string | undefined

/** Where and when a machine took an input. */
type Moment = Pick<TraceStep, 'step' | 'atUs' | 'process' | 'hash'>

/** The line of one step. Frames are decoded here alone, so that only who traces pays for it. */
export function traceStep(moment: Moment, input: Traced, effects: readonly Traced[], peerOf: PeerOf): TraceStep {
  const { step, atUs, process, hash } = moment
  return {
    step,
    atUs,
    process,
    input: input.kind,
    from: input.link === undefined ? undefined : peerOf(input.link),
    message: messageOf(input),
    frameBytes: input.frame?.length ?? 0,
    hash,
    effects: effects.map((effect) => effectText(effect, peerOf)),
  }
}

function effectText(effect: Traced, peerOf: PeerOf): string {
  const message = messageOf(effect)
  const to = effect.address ?? (effect.link === undefined ? undefined : peerOf(effect.link))
  return [effect.kind, message ?? '', to === undefined ? '' : `to ${to}`].filter((word) => word !== '').join(' ')
}

function messageOf({ frame }: Traced): string | undefined {
  return frame === undefined ? undefined : decodeMessage(frame)?.kind
}
