import { hexByte } from './bytes.ts'

/**
 * A running hash of 64 bits in two signed 32-bit halves; not for secrets. Lengths go in before contents, so that no two
 * sequences of values run together. Start it with `reset`, feed it, read `low` and `high` after `finish`.
 */
export class Hash64 {
  low = 0
  high = 0

  reset(): this {
    this.low = 0x6a09e667
    this.high = 0x3c6ef372
    return this
  }

  /** The low 32 bits of `value`. */
  u32(value: number): this {
    const low = Math.imul(this.low ^ value, 0x85ebca6b)
    this.low = ((low << 13) | (low >>> 19)) ^ this.high
    const high = Math.imul(this.high + value, 0xc2b2ae35)
    this.high = ((high << 17) | (high >>> 15)) + low
    return this
  }

  /** A whole number from 0 to 2^53 - 1. */
  uint(value: number): this {
    return this.u32(value | 0).u32((value / 0x1_0000_0000) | 0)
  }

  text(text: string): this {
    this.u32(text.length)
    const whole = text.length & ~1
    for (let i = 0; i < whole; i += 2) this.u32(text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16))
    return whole < text.length ? this.u32(text.charCodeAt(whole)) : this
  }

  bytes(bytes: Uint8Array): this {
    this.u32(bytes.length)
    const whole = bytes.length & ~3
    let at = 0
    for (; at < whole; at += 4) {
      this.u32(
        (bytes[at] as number) |
          ((bytes[at + 1] as number) << 8) |
          ((bytes[at + 2] as number) << 16) |
          ((bytes[at + 3] as number) << 24),
      )
    }
    for (; at < bytes.length; at++) this.u32(bytes[at] as number)
    return this
  }

  /** Spreads every bit over both halves. */
  finish(): this {
    const low = avalanche(this.low ^ Math.imul(this.high, 0x9e3779b1))
    const high = avalanche(this.high ^ Math.imul(low, 0x27d4eb2f))
    this.low = avalanche(low + high)
    this.high = high
    return this
  }
}

/** Sum of the hashes of the members of a set: adding or removing a member costs one addition, whatever the order. */
export class HashSum {
  low = 0
  high = 0

  add(hash: { readonly low: number; readonly high: number }): void {
    this.low = (this.low + hash.low) | 0
    this.high = (this.high + hash.high) | 0
  }

  subtract(hash: { readonly low: number; readonly high: number }): void {
    this.low = (this.low - hash.low) | 0
    this.high = (this.high - hash.high) | 0
  }
}

/** Sixteen hex digits. */
export function hashText(hash: { readonly low: number; readonly high: number }): string {
  return hex32(hash.high) + hex32(hash.low)
}

function hex32(value: number): string {
  return hexByte(value >>> 24) + hexByte(value >>> 16) + hexByte(value >>> 8) + hexByte(value)
}

function avalanche(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x7feb352d)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}
