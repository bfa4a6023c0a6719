import { assert } from '../core/lib/assert.ts'

/** Names one scheduled event; never reused within a scheduler. */
export type Handle = number

/**
 * Slots, and so pending events, at most: a world that needs more is running away. Also the factor that joins a slot to
 * its sequence number.
 */
const slotsMax = 2 ** 20
/** Below this many dead entries the heap is never rebuilt. */
const deadMin = 64

/**
 * Virtual time: events in order of (time, order of scheduling). Time jumps to the next event and never goes back.
 * Invariant: a heap entry is alive exactly when its slot still holds its handle; a handle grows with the order of
 * scheduling, so it breaks ties by itself.
 */
export class Scheduler<Event> {
  #nowUs = 0
  #sequence = 0
  #executed = 0
  #live = 0
  #heapLength = 0
  #atUs = new Float64Array(256)
  #handles = new Float64Array(256)
  #slotHandles = new Float64Array(256)
  readonly #slotEvents: (Event | undefined)[] = []
  readonly #freeSlots: number[] = []

  get nowUs(): number {
    return this.#nowUs
  }

  /** Events that wait. */
  get pending(): number {
    return this.#live
  }

  /** Events handed out so far. */
  get executed(): number {
    return this.#executed
  }

  /** Plans an event for a whole microsecond that is not in the past. */
  schedule(atUs: number, event: Event): Handle {
    assert(atUs >= this.#nowUs && Number.isSafeInteger(atUs), () => `can't schedule at ${atUs}`)
    const slot = this.#takeSlot()
    const handle = ++this.#sequence * slotsMax + slot
    this.#slotHandles[slot] = handle
    this.#slotEvents[slot] = event
    this.#live++
    this.#push(atUs, handle)
    return handle
  }

  /** Drops a planned event; false when it has run or was cancelled already. */
  cancel(handle: Handle): boolean {
    const slot = slotOf(handle)
    if (this.#slotHandles[slot] !== handle) return false
    this.#releaseSlot(slot)
    const dead = this.#heapLength - this.#live
    if (dead > deadMin && dead > this.#live) this.#sweep()
    return true
  }

  /** When the next event is due; undefined when none waits. */
  peekAtUs(): number | undefined {
    this.#dropDead()
    return this.#heapLength === 0 ? undefined : this.#atUs[0]
  }

  /** Moves time to the next event and hands it out; undefined when none waits. */
  next(): Event | undefined {
    this.#dropDead()
    if (this.#heapLength === 0) return undefined
    const slot = slotOf(this.#handles[0] as number)
    const event = this.#slotEvents[slot]
    this.#nowUs = this.#atUs[0] as number
    this.#releaseSlot(slot)
    this.#pop()
    this.#executed++
    return event
  }

  checkInvariants(): void {
    let live = 0
    for (let i = 0; i < this.#heapLength; i++) {
      assert(i === 0 || !this.#before(i, (i - 1) >> 1), 'the heap is out of order')
      if (this.#isAlive(i)) live++
    }
    assert(live === this.#live, 'an event is counted but not planned')
  }

  #takeSlot(): number {
    const free = this.#freeSlots.pop()
    if (free !== undefined) return free
    const slot = this.#slotEvents.length
    assert(slot < slotsMax, 'too many events are pending')
    if (slot === this.#slotHandles.length) this.#slotHandles = grown(this.#slotHandles)
    this.#slotEvents.push(undefined)
    return slot
  }

  #releaseSlot(slot: number): void {
    this.#slotHandles[slot] = 0
    this.#slotEvents[slot] = undefined
    this.#freeSlots.push(slot)
    this.#live--
  }

  #isAlive(position: number): boolean {
    const handle = this.#handles[position] as number
    return this.#slotHandles[slotOf(handle)] === handle
  }

  #dropDead(): void {
    while (this.#heapLength > 0 && !this.#isAlive(0)) this.#pop()
  }

  /** Rebuilds the heap without its dead entries. */
  #sweep(): void {
    let kept = 0
    for (let i = 0; i < this.#heapLength; i++) {
      if (!this.#isAlive(i)) continue
      this.#atUs[kept] = this.#atUs[i] as number
      this.#handles[kept] = this.#handles[i] as number
      kept++
    }
    this.#heapLength = kept
    for (let i = (kept >> 1) - 1; i >= 0; i--) this.#sink(i, this.#atUs[i] as number, this.#handles[i] as number)
  }

  #before(a: number, b: number): boolean {
    const atA = this.#atUs[a] as number
    const atB = this.#atUs[b] as number
    return atA < atB || (atA === atB && (this.#handles[a] as number) < (this.#handles[b] as number))
  }

  #push(atUs: number, handle: Handle): void {
    if (this.#heapLength === this.#atUs.length) {
      this.#atUs = grown(this.#atUs)
      this.#handles = grown(this.#handles)
    }
    const times = this.#atUs
    const handles = this.#handles
    let hole = this.#heapLength++
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      // A handle that is pushed is the largest so far: equal times need no swap.
      const parentAtUs = times[parent] as number
      if (parentAtUs <= atUs) break
      times[hole] = parentAtUs
      handles[hole] = handles[parent] as number
      hole = parent
    }
    times[hole] = atUs
    handles[hole] = handle
  }

  #pop(): void {
    const last = --this.#heapLength
    if (last > 0) this.#sink(0, this.#atUs[last] as number, this.#handles[last] as number)
  }

  #sink(from: number, atUs: number, handle: Handle): void {
    const times = this.#atUs
    const handles = this.#handles
    let hole = from
    for (;;) {
      let child = 2 * hole + 1
      if (child >= this.#heapLength) break
      if (child + 1 < this.#heapLength && this.#before(child + 1, child)) child++
      const childAtUs = times[child] as number
      if (atUs < childAtUs || (atUs === childAtUs && handle < (handles[child] as number))) break
      times[hole] = childAtUs
      handles[hole] = handles[child] as number
      hole = child
    }
    times[hole] = atUs
    handles[hole] = handle
  }
}

function slotOf(handle: Handle): number {
  return handle - Math.floor(handle / slotsMax) * slotsMax
}

function grown(full: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(full.length * 2)
  larger.set(full)
  return larger
}
