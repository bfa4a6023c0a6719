import { assert } from '../core/lib/assert.ts'
import type { Dice } from './prng.ts'

/** How frames fare in one direction between two hosts. Rates are cases in a million frames. */
export interface PathSettings {
  readonly latencyMinUs: number
  /** Mean of the exponential part that comes on top. */
  readonly latencyMeanUs: number
  /** How often a frame is late by an exponential time with mean `tailMeanUs` besides. */
  readonly tailPerMillion: number
  readonly tailMeanUs: number
  readonly lossPerMillion: number
  readonly duplicationPerMillion: number
  /** How often a frame does not wait for those sent before it. At 0 a connection keeps its order, as TCP does. */
  readonly reorderPerMillion: number
  readonly corruptionPerMillion: number
  /** Frames under way at most; those sent beyond are dropped. */
  readonly queueFramesMax: number
}

/** A local network on a good day. */
export const calmPath: PathSettings = {
  latencyMinUs: 50,
  latencyMeanUs: 150,
  tailPerMillion: 0,
  tailMeanUs: 0,
  lossPerMillion: 0,
  duplicationPerMillion: 0,
  reorderPerMillion: 0,
  corruptionPerMillion: 0,
  queueFramesMax: 10_000,
}

/** One stream per fault, so that switching one off moves no draw of another. */
export interface PathDice {
  readonly latency: Dice
  readonly tail: Dice
  readonly loss: Dice
  readonly duplication: Dice
  readonly reorder: Dice
  readonly corruption: Dice
}

export function forkPathDice(dice: Dice): PathDice {
  return {
    latency: dice.fork('latency'),
    tail: dice.fork('tail'),
    loss: dice.fork('loss'),
    duplication: dice.fork('duplication'),
    reorder: dice.fork('reorder'),
    corruption: dice.fork('corruption'),
  }
}

export type PathFault = 'loss' | 'duplication' | 'reorder' | 'corruption'

/**
 * The way from one host to another; the way back is another path.
 * Invariant: `held` is empty unless the path is clogged, and keeps the order in which its items would have arrived.
 */
export class Path<Held> {
  readonly from: string
  readonly to: string
  settings: PathSettings
  /** What arrives is lost. */
  cut = false
  /** What arrives waits; undefined when it does not. */
  clogUntilUs: number | undefined
  /** Frames sent that have neither arrived nor been lost. */
  framesUnderWay = 0
  readonly #dice: PathDice
  #held: Held[] = []

  constructor(from: string, to: string, settings: PathSettings, dice: PathDice) {
    this.from = from
    this.to = to
    this.settings = settings
    this.#dice = dice
  }

  hold(item: Held): void {
    assert(this.clogUntilUs !== undefined, 'only a clogged path holds anything')
    this.#held.push(item)
  }

  /** Ends the clog and hands over what it held, oldest first. */
  release(): readonly Held[] {
    const held = this.#held
    this.#held = []
    this.clogUntilUs = undefined
    return held
  }

  drawLatencyUs(): number {
    const { latencyMinUs, latencyMeanUs, tailPerMillion, tailMeanUs } = this.settings
    const latencyUs = latencyMinUs + this.#dice.latency.exponential(latencyMeanUs)
    if (!this.#dice.tail.chance(tailPerMillion, 1_000_000)) return latencyUs
    return latencyUs + this.#dice.tail.exponential(tailMeanUs)
  }

  /** Whether this fault hits the frame at hand. */
  strikes(fault: PathFault): boolean {
    switch (fault) {
      case 'loss':
        return this.#dice.loss.chance(this.settings.lossPerMillion, 1_000_000)
      case 'duplication':
        return this.#dice.duplication.chance(this.settings.duplicationPerMillion, 1_000_000)
      case 'reorder':
        return this.#dice.reorder.chance(this.settings.reorderPerMillion, 1_000_000)
      case 'corruption':
        return this.#dice.corruption.chance(this.settings.corruptionPerMillion, 1_000_000)
    }
  }

  /** A copy of the bytes with one bit flipped. */
  corrupted(bytes: Uint8Array): Uint8Array {
    const bit = this.#dice.corruption.intInclusive(0, bytes.length * 8 - 1)
    const flipped = bytes.slice()
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    return flipped
  }
}
