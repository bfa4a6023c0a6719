import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'

/** Bit by bit, as the definition reads. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return ~crc >>> 0
}

const ascii = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))

describe('the checksum', () => {
  test('is the one that RFC 3720 lists', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd_794e)
    expect(crc32c(ascii('123456789'))).toBe(0xe306_9283)
    expect(crc32c(new Uint8Array(0))).toBe(0)
  })

  test('is that of the definition for every length, wherever the bytes begin and end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(20), fc.nat(20), (bytes, before, behind) => {
        const from = Math.min(before, bytes.length)
        const until = Math.max(from, bytes.length - behind)
        expect(crc32c(bytes, from, until)).toBe(slowCrc(bytes.subarray(from, until)))
      }),
      { seed: 36, numRuns: 3000 },
    )
  })

  test('goes on where an earlier one ended', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(70), (bytes, at) => {
        const middle = Math.min(at, bytes.length)
        const first = crc32c(bytes, 0, middle)
        expect(crc32c(bytes, middle, bytes.length, first)).toBe(crc32c(bytes))
      }),
      { seed: 37, numRuns: 1000 },
    )
  })
})
