import { assert } from '../core/lib/assert.ts'

/** Where two runs part: the events from `from` up to, not including, `until` hold the first difference. */
export interface Divergence {
  readonly from: number
  readonly until: number
}

const scratch = new DataView(new ArrayBuffer(8))

/**
 * A rolling 32-bit hash of all that happened in a run, with a checkpoint every `checkpointEvents` events.
 * Invariant: equal traces give equal values at every checkpoint; once two traces part, their values stay apart but for
 * chance.
 */
export class TraceHash {
  readonly checkpointEvents: number
  readonly #checkpoints: number[] = []
  #value = 0x811c9dc5 | 0
  #events = 0

  constructor(checkpointEvents = 1024) {
    assert(Number.isInteger(checkpointEvents) && checkpointEvents > 0, 'checkpoints need a distance')
    this.checkpointEvents = checkpointEvents
  }

  /** The hash so far, as an unsigned number. */
  get value(): number {
    return mixedEnd(this.#value)
  }

  get events(): number {
    return this.#events
  }

  /** The value after every `checkpointEvents` events. */
  get checkpoints(): readonly number[] {
    return this.#checkpoints
  }

  /** Adds a 32-bit integer. */
  int(number: number): void {
    this.#value = mixed(this.#value, number | 0)
  }

  /** Adds any number: a time, an index, a fraction. */
  number(number: number): void {
    scratch.setFloat64(0, Number.isNaN(number) ? Number.NaN : number)
    this.int(scratch.getInt32(0))
    this.int(scratch.getInt32(4))
  }

  text(text: string): void {
    let hash = this.#value
    for (let i = 0; i < text.length; i++) hash = mixed(hash, text.charCodeAt(i))
    this.#value = mixed(hash, text.length)
  }

  bytes(bytes: Uint8Array): void {
    let hash = this.#value
    const whole = bytes.length & ~3
    for (let i = 0; i < whole; i += 4)
      hash = mixed(
        hash,
        byteAt(bytes, i) | (byteAt(bytes, i + 1) << 8) | (byteAt(bytes, i + 2) << 16) | (byteAt(bytes, i + 3) << 24),
      )
    if (whole < bytes.length) hash = mixed(hash, word(bytes, whole, bytes.length - whole))
    this.#value = mixed(hash, bytes.length)
  }

  /** Ends an event. */
  mark(): void {
    if (++this.#events % this.checkpointEvents === 0) this.#checkpoints.push(this.value)
  }
}

/** Bisects the checkpoints of two runs for their first difference; undefined when all that both have are equal. */
export function firstDivergence(a: TraceHash, b: TraceHash): Divergence | undefined {
  assert(a.checkpointEvents === b.checkpointEvents, 'the checkpoints of these runs do not line up')
  const common = Math.min(a.checkpoints.length, b.checkpoints.length)
  let low = 0
  let high = common
  while (low < high) {
    const middle = (low + high) >> 1
    if (a.checkpoints[middle] === b.checkpoints[middle]) low = middle + 1
    else high = middle
  }
  if (low < common) return { from: low * a.checkpointEvents, until: (low + 1) * a.checkpointEvents }
  if (a.value === b.value && a.events === b.events) return undefined
  return { from: common * a.checkpointEvents, until: Math.max(a.events, b.events) }
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

function word(bytes: Uint8Array, from: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i++) value |= (bytes[from + i] as number) << (8 * i)
  return value
}

/** One round of MurmurHash3's 32-bit mixing. */
function mixed(hash: number, block: number): number {
  let k = Math.imul(block, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  const h = hash ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

/** MurmurHash3's finish, after which every input bit has reached every output bit. */
function mixedEnd(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
