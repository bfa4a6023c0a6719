import { assert } from '../lib/assert.ts'
import { getU32, putU32 } from '../lib/bytes.ts'
import { crc32c } from '../lib/crc32c.ts'

// A frame on the wire: u32 length of the payload | u32 CRC-32C of the payload | payload; both numbers little endian.

/** No payload is longer. Far above the largest batch or snapshot chunk, far below what would strain a process. */
export const frameBytesMax = 4 * 1024 * 1024
/** The same before a link is admitted: a stranger can make us hold no more than this. */
export const handshakeBytesMax = 16 * 1024
/** What a frame takes beyond its payload. */
export const frameHeaderBytes = 8

assert(handshakeBytesMax <= frameBytesMax, 'admitting a link would lower its cap')

/** The frame that carries `payload`, which must not be empty: an empty frame could not be told from a run of zeros. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameHeaderBytes + payload.length)
  putFrame(frame, 0, payload)
  return frame
}

/** The frames of all payloads, in order, in one buffer for one write. */
export function writeFrames(payloads: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const payload of payloads) length += frameHeaderBytes + payload.length
  const frames = new Uint8Array(length)
  let at = 0
  for (const payload of payloads) at = putFrame(frames, at, payload)
  return frames
}

/** Writes the frame that carries `payload` at `at`, where there must be room for it; returns the offset behind it. */
export function putFrame(target: Uint8Array, at: number, payload: Uint8Array): number {
  assert(payload.length > 0 && payload.length <= frameBytesMax, () => `a frame can't carry ${payload.length} bytes`)
  putU32(target, at, payload.length)
  putU32(target, at + 4, crc32c(payload))
  target.set(payload, at + frameHeaderBytes)
  return at + frameHeaderBytes + payload.length
}

export type FrameFailure = 'oversized' | 'checksum'

/**
 * A body that has only begun to arrive gets this much room, then twice what it has: claiming a length costs the
 * claimant bytes.
 */
const firstRoomBytes = 16 * 1024

/**
 * Cuts a stream of bytes, however it was split on the way, back into payloads.
 * Invariant: a length is checked before room is made for it; what is held is at most one unfinished payload of
 * `frameBytesMax` bytes.
 * Invariant: a payload handed out is a copy of its own and keeps no receive buffer alive.
 * Not here: what a payload means, and what becomes of a connection after a failure.
 */
export class FrameReader {
  /** Holds for every frame whose header has not been read yet. */
  frameBytesMax: number
  readonly #header = new Uint8Array(frameHeaderBytes)
  #headerFilled = 0
  #body: Uint8Array = nothing
  #bodyFilled = 0
  #chunks: Uint8Array[] = []
  /** Read position in the first chunk. */
  #at = 0
  #failure: FrameFailure | undefined

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax
  }

  /** Why the stream can't be read on; nothing more comes out of it. */
  get failure(): FrameFailure | undefined {
    return this.#failure
  }

  /** Bytes taken in that have not left as part of a payload. */
  get pendingBytes(): number {
    let bytes = this.#headerFilled + this.#bodyFilled - this.#at
    for (const chunk of this.#chunks) bytes += chunk.length
    return bytes
  }

  /**
   * Takes the next piece of the stream. It is read in place: call `next` until it has nothing before the piece's memory
   * is reused.
   */
  feed(chunk: Uint8Array): void {
    if (this.#failure === undefined && chunk.length > 0) this.#chunks.push(chunk)
  }

  /** The next whole payload, or `undefined` when more bytes are needed or the stream has failed. */
  next(): Uint8Array | undefined {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const payload = this.#read(chunk)
      if (this.#at === chunk.length) this.#dropChunk()
      if (payload !== undefined) return payload
    }
    return undefined
  }

  #read(chunk: Uint8Array): Uint8Array | undefined {
    if (this.#headerFilled < frameHeaderBytes && !this.#readHeader(chunk)) return undefined
    const length = getU32(this.#header, 0)
    this.#readBody(chunk, length)
    if (this.#bodyFilled < length) return undefined
    const payload = this.#body
    this.#headerFilled = 0
    this.#bodyFilled = 0
    this.#body = nothing
    if (crc32c(payload) === getU32(this.#header, 4)) return payload
    return this.#fail('checksum')
  }

  /** True when the header is complete and its length is one that may be received. */
  #readHeader(chunk: Uint8Array): boolean {
    while (this.#headerFilled < frameHeaderBytes && this.#at < chunk.length)
      this.#header[this.#headerFilled++] = chunk[this.#at++] as number
    if (this.#headerFilled < frameHeaderBytes) return false
    const length = getU32(this.#header, 0)
    if (length > this.frameBytesMax) this.#fail('oversized')
    else if (length === 0) this.#fail('checksum')
    return this.#failure === undefined
  }

  #readBody(chunk: Uint8Array, length: number): void {
    const filled = Math.min(length, this.#bodyFilled + chunk.length - this.#at)
    if (filled > this.#body.length) {
      const grown = new Uint8Array(Math.min(length, Math.max(filled, this.#body.length * 2, firstRoomBytes)))
      grown.set(this.#body.subarray(0, this.#bodyFilled))
      this.#body = grown
    }
    const end = this.#at + filled - this.#bodyFilled
    this.#body.set(chunk.subarray(this.#at, end), this.#bodyFilled)
    this.#bodyFilled = filled
    this.#at = end
  }

  #dropChunk(): void {
    this.#chunks.shift()
    this.#at = 0
  }

  #fail(failure: FrameFailure): undefined {
    this.#failure = failure
    this.#headerFilled = 0
    this.#bodyFilled = 0
    this.#body = nothing
    this.#chunks = []
    this.#at = 0
    return undefined
  }
}

const nothing = new Uint8Array(0)
