// What a byte adds to the checksum by the end of a round, by how many bytes of the round follow it. Constants of their
// own, not a list of tables: that alone makes a round half as long.
const t0 = firstTable()
const t1 = nextTable(t0)
const t2 = nextTable(t1)
const t3 = nextTable(t2)
const t4 = nextTable(t3)
const t5 = nextTable(t4)
const t6 = nextTable(t5)
const t7 = nextTable(t6)

/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes[from, until)`, eight bytes a round; `seed` continues an earlier
 * checksum.
 */
export function crc32c(bytes: Uint8Array, from = 0, until = bytes.length, seed = 0): number {
  let crc = ~seed
  let at = from
  for (const whole = until - 7; at < whole; at += 8) {
    crc ^=
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    crc =
      (t7[crc & 0xff] as number) ^
      (t6[(crc >>> 8) & 0xff] as number) ^
      (t5[(crc >>> 16) & 0xff] as number) ^
      (t4[crc >>> 24] as number) ^
      (t3[bytes[at + 4] as number] as number) ^
      (t2[bytes[at + 5] as number] as number) ^
      (t1[bytes[at + 6] as number] as number) ^
      (t0[bytes[at + 7] as number] as number)
  }
  for (; at < until; at++) crc = (t0[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  return ~crc >>> 0
}

function firstTable(): Int32Array {
  const table = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    table[byte] = crc
  }
  return table
}

function nextTable(before: Int32Array): Int32Array {
  return before.map((crc) => (t0[crc & 0xff] as number) ^ (crc >>> 8))
}
