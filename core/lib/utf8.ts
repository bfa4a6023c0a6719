/**
 * UTF-8 without TextEncoder, which core does not have. Lone surrogates travel as three bytes (WTF-8), so that every
 * string survives.
 */

/** How many bytes `text` takes. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (isPair(text, i, unit)) {
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}

/** Writes `text` at `offset`, where `utf8Length(text)` bytes are free; returns the offset behind it. */
export function utf8Write(text: string, target: Uint8Array, offset: number): number {
  let at = offset
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) target[at++] = unit
    else if (unit < 0x800) {
      target[at++] = 0xc0 | (unit >> 6)
      target[at++] = 0x80 | (unit & 0x3f)
    } else if (isPair(text, i, unit)) {
      const point = 0x10000 + ((unit - 0xd800) << 10) + (text.charCodeAt(++i) - 0xdc00)
      target[at++] = 0xf0 | (point >> 18)
      target[at++] = 0x80 | ((point >> 12) & 0x3f)
      target[at++] = 0x80 | ((point >> 6) & 0x3f)
      target[at++] = 0x80 | (point & 0x3f)
    } else {
      target[at++] = 0xe0 | (unit >> 12)
      target[at++] = 0x80 | ((unit >> 6) & 0x3f)
      target[at++] = 0x80 | (unit & 0x3f)
    }
  }
  return at
}

/** Whether `bytes[from, until)` are what `utf8Write` makes. */
export function isUtf8(bytes: Uint8Array, from: number, until: number): boolean {
  for (let at = from; at < until; ) {
    const lead = bytes[at] as number
    if (lead < 0x80) at += 1
    else {
      const length = lengthAt(lead)
      if (at + length > until || readPoint(bytes, at, lead, length) < 0) return false
      at += length
    }
  }
  return true
}

/** The text of `bytes[from, until)`, or `undefined` where they are not what `utf8Write` makes. */
export function utf8Read(bytes: Uint8Array, from: number, until: number): string | undefined {
  return readAscii(bytes, from, until) ?? readAny(bytes, from, until)
}

/** One list for each length, used again and again: growing one for each text would cost more than reading it. */
const asciiUnits = Array.from({ length: 129 }, (_, length) => new Array<number>(length).fill(0))

/** Most texts are short and ASCII alone; undefined for any other. */
function readAscii(bytes: Uint8Array, from: number, until: number): string | undefined {
  const units = asciiUnits[until - from]
  if (units === undefined) return undefined
  for (let i = 0; i < units.length; i++) {
    const unit = bytes[from + i] as number
    if (unit >= 0x80) return undefined
    units[i] = unit
  }
  return String.fromCharCode.apply(undefined, units)
}

function readAny(bytes: Uint8Array, from: number, until: number): string | undefined {
  const chunks: string[] = []
  const units: number[] = []
  let at = from
  while (at < until) {
    const lead = bytes[at] as number
    if (lead < 0x80) {
      units.push(lead)
      at += 1
    } else {
      const length = lengthAt(lead)
      const point = at + length <= until ? readPoint(bytes, at, lead, length) : -1
      if (point < 0) return undefined
      if (point >= 0x10000) units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))
      else units.push(point)
      at += length
    }
    if (units.length >= 4096) chunks.push(String.fromCharCode(...units.splice(0)))
  }
  if (chunks.length === 0) return String.fromCharCode(...units)
  return chunks.join('') + String.fromCharCode(...units)
}

function lengthAt(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
}

const smallest = [0, 0, 0x80, 0x800, 0x10000]

function readPoint(bytes: Uint8Array, at: number, lead: number, length: number): number {
  if (lead < 0xc2 || lead > 0xf4) return -1
  let point = lead & (0xff >> (length + 1))
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i] as number
    if ((next & 0xc0) !== 0x80) return -1
    point = (point << 6) | (next & 0x3f)
  }
  return point < (smallest[length] as number) || point > 0x10ffff ? -1 : point
}

function isPair(text: string, i: number, unit: number): boolean {
  if (unit < 0xd800 || unit > 0xdbff) return false
  const next = text.charCodeAt(i + 1)
  return next >= 0xdc00 && next <= 0xdfff
}
