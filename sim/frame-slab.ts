import { frameHeaderBytes, putFrame } from '../core/wire/framer.ts'

const slabBytes = 64 * 1024
/** A larger frame gets memory of its own, so that a slab is never left mostly empty. */
const sharedBytesMax = 4096

/**
 * Encodes frames into large pieces of memory that many share: one allocation per frame would cost more than all else
 * the network does.
 * Invariant: what was handed out is never written again; a slab lives as long as one of its frames is under way.
 */
export class FrameSlab {
  #slab = new Uint8Array(slabBytes)
  #filled = 0

  encode(payload: Uint8Array): Uint8Array {
    const length = frameHeaderBytes + payload.length
    if (length > sharedBytesMax) {
      const own = new Uint8Array(length)
      putFrame(own, 0, payload)
      return own
    }
    if (this.#filled + length > slabBytes) {
      this.#slab = new Uint8Array(slabBytes)
      this.#filled = 0
    }
    const from = this.#filled
    this.#filled = putFrame(this.#slab, from, payload)
    return this.#slab.subarray(from, this.#filled)
  }
}
