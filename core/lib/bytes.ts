import { assert } from './assert.ts'
import { isUtf8, utf8Length, utf8Read, utf8Write } from './utf8.ts'

/**
 * Thrown by `ByteReader` when bytes from outside are not what they claim to be. The decoder's door catches it; nobody
 * else does.
 */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}

/** Appends primitives to a buffer that grows. Integers are LEB128 varints unless the name says otherwise. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  /** The bytes written so far, as a copy of exactly their length. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** The bytes written so far, shared with the writer: valid until it is written to or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  reset(): void {
    this.#length = 0
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    putU32(this.#bytes, this.#length, value)
    this.#length += 4
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, () => `not an unsigned integer: ${value}`)
    this.#reserve(8)
    this.#length = putUint(this.#bytes, this.#length, value)
  }

  /** An IEEE 754 double, eight bytes; NaN is canonical, the sign of zero is kept. */
  f64(value: number): void {
    this.#reserve(8)
    scratch.setFloat64(0, Number.isNaN(value) ? Number.NaN : value)
    for (let i = 0; i < 8; i++) this.#bytes[this.#length++] = scratch.getUint8(i)
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0)
  }

  /** Bytes as they are, without their length. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Bytes behind their length. */
  blob(bytes: Uint8Array): void {
    this.uint(bytes.length)
    this.raw(bytes)
  }

  text(text: string): void {
    const length = utf8Length(text)
    this.uint(length)
    this.#reserve(length)
    this.#length = utf8Write(text, this.#bytes, this.#length)
  }

  /** Overwrites four bytes written earlier (a length or checksum known only afterwards). */
  patchU32(offset: number, value: number): void {
    assert(offset + 4 <= this.#length, 'patch beyond the end')
    putU32(this.#bytes, offset, value)
  }

  #reserve(more: number): void {
    const need = this.#length + more
    if (need <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}

/**
 * Reads what `ByteWriter` wrote. Every read checks its bounds and throws `Malformed`; nothing is allocated before its
 * length is checked.
 */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, from = 0, until = bytes.length) {
    this.#bytes = bytes
    this.#at = from
    this.#end = until
  }

  get offset(): number {
    return this.#at
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  u8(): number {
    this.#need(1)
    return this.#bytes[this.#at++] as number
  }

  u32(): number {
    this.#need(4)
    const value = getU32(this.#bytes, this.#at)
    this.#at += 4
    return value
  }

  uint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if ((i > 0 && byte === 0) || value > Number.MAX_SAFE_INTEGER) throw new Malformed('integer is not canonical')
        return value
      }
      scale *= 0x80
    }
    throw new Malformed('integer is too long')
  }

  f64(): number {
    this.#need(8)
    for (let i = 0; i < 8; i++) scratch.setUint8(i, this.#bytes[this.#at++] as number)
    return scratch.getFloat64(0)
  }

  bool(): boolean {
    const value = this.u8()
    if (value > 1) throw new Malformed('not a boolean')
    return value === 1
  }

  /** `length` bytes, shared with the source. */
  raw(length: number): Uint8Array {
    this.#need(length)
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }

  /** Bytes behind their length, shared with the source. */
  blob(lengthMax = Number.MAX_SAFE_INTEGER): Uint8Array {
    const length = this.uint()
    if (length > lengthMax) throw new Malformed('bytes are too long')
    return this.raw(length)
  }

  text(lengthMax = Number.MAX_SAFE_INTEGER): string {
    const length = this.uint()
    if (length > lengthMax) throw new Malformed('text is too long')
    this.#need(length)
    const text = utf8Read(this.#bytes, this.#at, this.#at + length)
    if (text === undefined) throw new Malformed('text is not UTF-8')
    this.#at += length
    return text
  }

  /** Passes over bytes behind their length. */
  skipBlob(): void {
    const length = this.uint()
    this.#need(length)
    this.#at += length
  }

  /** Passes over a text, which is checked as if it were read. */
  skipText(): void {
    const length = this.uint()
    this.#need(length)
    if (!isUtf8(this.#bytes, this.#at, this.#at + length)) throw new Malformed('text is not UTF-8')
    this.#at += length
  }

  /**
   * A count of things of at least `bytesEach` bytes each: one that can't fit in what remains is refused before anything
   * is allocated.
   */
  count(bytesEach = 1): number {
    const count = this.uint()
    if (count * bytesEach > this.remaining) throw new Malformed('count exceeds the bytes that follow')
    return count
  }

  /** Refuses bytes behind the end of what was read. */
  end(): void {
    if (this.#at !== this.#end) throw new Malformed('bytes behind the end')
  }

  #need(length: number): void {
    if (this.#end - this.#at < length) throw new Malformed('bytes end too early')
  }
}

const scratch = new DataView(new ArrayBuffer(8))

export function putU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value
  target[offset + 1] = value >>> 8
  target[offset + 2] = value >>> 16
  target[offset + 3] = value >>> 24
}

export function getU32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] as number) |
      ((bytes[offset + 1] as number) << 8) |
      ((bytes[offset + 2] as number) << 16) |
      ((bytes[offset + 3] as number) << 24)) >>>
    0
  )
}

/** Writes a whole number from 0 to 2^53 - 1 at `offset`, where there is room for it; returns the offset behind it. */
export function putUint(target: Uint8Array, offset: number, value: number): number {
  let at = offset
  let rest = value
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80
  for (; rest >= 0x80; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80
  target[at++] = rest
  return at
}

/** How many bytes `ByteWriter.uint` takes for `value`. */
export function uintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++
  return length
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexByte(byte)
  return text
}

const hexBytes = Array.from({ length: 256 }, (_, byte) => (byte + 0x100).toString(16).slice(1))

/** Two hex digits, of the low eight bits. */
export function hexByte(value: number): string {
  return hexBytes[value & 0xff] as string
}
