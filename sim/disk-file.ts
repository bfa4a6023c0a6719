import type { Dice } from './prng.ts'

/** What became of unsynced writes when the power went. */
export interface LossCounts {
  /** Writes of which nothing survived. */
  lost: number
  /** Writes of which a part survived. */
  torn: number
  /** Losses in which something later survived something earlier. */
  reordered: number
}

type Fate = 'old' | 'new' | 'garbage'

interface Piece {
  readonly write: number
  readonly offset: number
  readonly bytes: Uint8Array
}

const lossModes = ['all', 'none', 'prefix', 'suffix', 'each'] as const

/**
 * One file: what a reader sees now (the page cache), and what is on the platter.
 * Invariant: without unsynced writes or dropped pages the two are equal.
 */
export class SimFile {
  readonly #cache = new Extent()
  readonly #platter = new Extent()
  #unsynced: { readonly offset: number; readonly bytes: Uint8Array }[] = []
  #writtenUpTo = 0
  /** What the last sync made durable, and the place of that sync among all of this disk. */
  lastSync: { readonly order: number; readonly from: number; readonly until: number } | undefined

  /** A file of zeros, durable at once. */
  constructor(bytes: number) {
    this.#cache.size = bytes
    this.#platter.size = bytes
  }

  get size(): number {
    return this.#cache.size
  }

  /** Nothing behind this offset was ever written: only zeros can be there. */
  get writtenUpTo(): number {
    return this.#writtenUpTo
  }

  read(offset: number, length: number): Uint8Array {
    return this.#cache.read(offset, length)
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#cache.write(offset, bytes)
    this.#unsynced.push({ offset, bytes })
    this.#writtenUpTo = Math.max(this.#writtenUpTo, offset + bytes.length)
  }

  sync(order: number): void {
    let from = Number.POSITIVE_INFINITY
    let until = 0
    for (const { offset, bytes } of this.#unsynced) {
      from = Math.min(from, offset)
      until = Math.max(until, offset + bytes.length)
      this.#platter.write(offset, bytes)
    }
    if (this.#unsynced.length > 0) this.lastSync = { order, from, until }
    this.#unsynced = []
  }

  /** A failed sync may leave the pages in the cache, marked clean: no later sync writes them. */
  dropPages(): void {
    this.#unsynced = []
  }

  flip(offset: number, bit: number): void {
    this.#cache.flip(offset, bit)
    this.#platter.flip(offset, bit)
  }

  /** The power goes: unsynced sectors keep their old content, have the new one, or hold garbage. */
  losePower(dice: Pick<Dice, 'intInclusive' | 'bytes'>, sectorBytes: number, counts: LossCounts): void {
    const pieces = this.#pieces(sectorBytes)
    if (pieces.length > 0) this.#scatter(pieces, drawFates(pieces.length, dice), dice, sectorBytes, counts)
    this.#unsynced = []
    this.#cache.become(this.#platter)
    this.#writtenUpTo = Math.min(this.#writtenUpTo, this.size)
  }

  /** The unsynced writes, cut at sector boundaries, in the order in which they were made. */
  #pieces(sectorBytes: number): Piece[] {
    const pieces: Piece[] = []
    this.#unsynced.forEach(({ offset, bytes }, write) => {
      for (let at = 0; at < bytes.length; ) {
        const length = Math.min(bytes.length - at, sectorBytes - ((offset + at) % sectorBytes))
        pieces.push({ write, offset: offset + at, bytes: bytes.subarray(at, at + length) })
        at += length
      }
    })
    return pieces
  }

  #scatter(
    pieces: readonly Piece[],
    fates: readonly Fate[],
    dice: Pick<Dice, 'bytes'>,
    sectorBytes: number,
    counts: LossCounts,
  ): void {
    const survived = new Map<number, number>()
    pieces.forEach((piece, i) => {
      survived.set(piece.write, (survived.get(piece.write) ?? 0) + (fates[i] === 'new' ? 1 : 0))
      if (fates[i] === 'new') this.#platter.write(piece.offset, piece.bytes)
      else if (fates[i] === 'garbage') this.#spoil(piece.offset, sectorBytes, dice)
    })
    for (const [write, kept] of survived) {
      const all = pieces.filter((piece) => piece.write === write).length
      if (kept === 0) counts.lost++
      else if (kept < all) counts.torn++
    }
    if (fates.some((fate, i) => fate !== 'new' && fates.indexOf('new', i) > i)) counts.reordered++
  }

  #spoil(offset: number, sectorBytes: number, dice: Pick<Dice, 'bytes'>): void {
    const begin = offset - (offset % sectorBytes)
    const length = Math.min(sectorBytes, Math.max(0, this.#platter.size - begin))
    this.#platter.write(begin, dice.bytes(length))
  }
}

function drawFates(count: number, dice: Pick<Dice, 'intInclusive'>): Fate[] {
  const mode = lossModes[dice.intInclusive(0, lossModes.length - 1)]
  const edge = dice.intInclusive(0, count)
  return Array.from({ length: count }, (_, i) => {
    if (mode === 'all') return 'old'
    if (mode === 'none') return 'new'
    if (mode === 'prefix') return i < edge ? 'new' : 'old'
    if (mode === 'suffix') return i < edge ? 'old' : 'new'
    const draw = dice.intInclusive(0, 9)
    return draw < 5 ? 'new' : draw < 9 ? 'old' : 'garbage'
  })
}

const noBytes = new Uint8Array(0)
/** So that a file which grows write by write is moved a few times only. */
const firstRoomBytes = 4096

/** Bytes that grow with zeros. Memory is taken only for what was written: most of a log segment never is. */
class Extent {
  #bytes = noBytes
  size = 0

  /** Bytes behind the end come back as zeros. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    bytes.set(this.#bytes.subarray(Math.min(offset, this.size), Math.min(offset + length, this.size)))
    return bytes
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2, firstRoomBytes))
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes.set(bytes, offset)
    this.size = Math.max(this.size, end)
  }

  flip(offset: number, bit: number): void {
    if (offset < this.size) this.write(offset, Uint8Array.of((this.#bytes[offset] ?? 0) ^ (1 << bit)))
  }

  become(other: Extent): void {
    this.#bytes = other.#bytes.slice(0, other.size)
    this.size = other.size
  }
}
