const tables = makeTables()

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes[from, until)`, four bytes a round; `seed` continues an earlier
 * checksum.
 */
export function crc32c(bytes: Uint8Array, from = 0, until = bytes.length, seed = 0): number {
  const [t0, t1, t2, t3] = tables
  let crc = ~seed
  let at = from
  for (const whole = until - 3; at < whole; at += 4) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t3[crc & 0xff] as number) ^
      (t2[(crc >>> 8) & 0xff] as number) ^
      (t1[(crc >>> 16) & 0xff] as number) ^
      (t0[crc >>> 24] as number)
  }
  for (; at < until; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

function makeTables(): [Int32Array, Int32Array, Int32Array, Int32Array] {
  const t: [Int32Array, Int32Array, Int32Array, Int32Array] = [
    new Int32Array(256),
    new Int32Array(256),
    new Int32Array(256),
    new Int32Array(256),
  ]
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    t[0][byte] = crc
  }
  for (let k = 1; k < 4; k++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = (t[k - 1] as Int32Array)[byte] as number
      ;(t[k] as Int32Array)[byte] = (t[0][before & 0xff] as number) ^ (before >>> 8)
    }
  }
  return t
}
