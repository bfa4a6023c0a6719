import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DiskOp } from './disk.ts'
import { segmentsIn } from './files.ts'
import { entriesOf, runOf, type TestFolder, TestLife, testOptions } from './test-folder.contract.ts'

const segmentsOf = (folder: TestFolder) => segmentsIn(folder.reader().list())

/** What a crash leaves of an operation: nothing, half of it, or all of it without anybody knowing. */
type Cut = 'before' | 'half' | 'after'

function cutShort(folder: TestFolder, op: DiskOp, cut: Cut): void {
  if (cut === 'before') return
  if (cut === 'after' || op.op === 'rename' || op.op === 'remove') folder.apply(op)
  else if (op.op === 'create') folder.apply({ ...op, bytes: op.bytes >> 1 })
  else folder.apply({ ...op, bytes: op.bytes.subarray(0, op.bytes.length >> 1) })
}

/**
 * One life after another on one folder. Each appends an entry, lets it be sealed, and dies at an operation of its own.
 */
class Lives {
  readonly folder: TestFolder
  /** As `entriesOf` has them: all that a life reached the end of. */
  readonly durable: string[] = []
  #appended = 0

  constructor() {
    this.folder = TestLife.begin().folder
  }

  /** Lives until `steps` operations are done, and dies in the next one; or lives on to its end. */
  live(steps: number, cut: Cut): void {
    const life = new TestLife(this.folder)
    const entries = entriesOf(life.recovered)
    expect(entries.slice(0, this.durable.length)).toEqual(this.durable)
    expect(entries.length).toBeLessThanOrEqual(this.#appended)
    this.durable.push(...entries.slice(this.durable.length))
    this.#appended = this.durable.length
    let left = steps
    const goOn = () => {
      left = this.#settle(life, left, cut)
      return left >= 0
    }
    if (!goOn()) return
    const index = ++this.#appended
    life.storage.append(runOf(index, 1, `entry ${index}`))
    life.storage.turn(0)
    if (!goOn()) return
    this.durable.push(`${index}:1:entry ${index}`)
    life.storage.turn(testOptions.sealMs)
    goOn()
  }

  /** Returns how many operations may still be done; less than none when the life ended. */
  #settle(life: TestLife, steps: number, cut: Cut): number {
    let left = steps
    for (let ops = life.storage.takeOps(); ops.length > 0; ops = life.storage.takeOps()) {
      for (const op of ops) {
        if (left-- <= 0) {
          cutShort(this.folder, op, cut)
          return -1
        }
        life.storage.done(this.folder.apply(op), 0)
        life.storage.checkInvariants()
      }
    }
    return left
  }
}

const wholeLife = 1000

describe('a folder over many lives', () => {
  it('holds one segment when all that they wrote fits into a flush', () => {
    const lives = new Lives()
    for (let i = 0; i < 40; i++) lives.live(wholeLife, 'after')
    expect(lives.durable).toHaveLength(40)
    expect(segmentsOf(lives.folder)).toHaveLength(1)
  })

  it('holds few segments and every durable entry wherever all of them end, time after time', () => {
    for (let steps = 0; steps < 12; steps++) {
      for (const cut of ['before', 'half', 'after'] as const) {
        const lives = new Lives()
        for (let i = 0; i < 8; i++) lives.live(steps, cut)
        lives.live(wholeLife, 'after')
        expect(segmentsOf(lives.folder).length, `${cut} operation ${steps}`).toBe(1)
      }
    }
  })

  it('holds few segments and every durable entry wherever each of them ends', () => {
    const end = fc.record({
      steps: fc.integer({ min: 0, max: 14 }),
      cut: fc.constantFrom<Cut[]>('before', 'half', 'after'),
    })
    fc.assert(
      fc.property(fc.array(end, { minLength: 5, maxLength: 40 }), (ends) => {
        const lives = new Lives()
        for (const { steps, cut } of ends) {
          lives.live(steps, cut)
          expect(segmentsOf(lives.folder).length).toBeLessThanOrEqual(6)
        }
        lives.live(wholeLife, 'after')
        expect(segmentsOf(lives.folder)).toHaveLength(1)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('holds no segment twice that a crash came before anything was written to', () => {
    const lives = new Lives()
    for (let i = 0; i < 10; i++) {
      lives.live(1, 'before')
      expect(segmentsOf(lives.folder).length).toBeLessThanOrEqual(2)
    }
  })
})

describe('segments of earlier lives', () => {
  it('stay until the opening flush that repeats them is proven', () => {
    const first = TestLife.begin()
    first.append(1, 1, 'a')
    const second = TestLife.begin(first.folder)
    expect(segmentsOf(second.folder)).toEqual([1, 2])
    second.seal()
    expect(segmentsOf(second.folder)).toEqual([2])
    expect(entriesOf(new TestLife(second.folder).recovered)).toEqual(['1:1:a'])
  })

  it('stay when they hold more than a flush may', () => {
    const first = TestLife.begin()
    for (let index = 1; index <= 4; index++) first.append(index, 1, 'x'.repeat(700))
    const second = TestLife.begin(first.folder)
    second.append(5, 1, 'y')
    expect(segmentsOf(second.folder)).toEqual([1, 3])
    const third = TestLife.begin(second.folder)
    third.seal()
    expect(segmentsOf(third.folder)).toEqual([1, 4])
    expect(entriesOf(new TestLife(third.folder).recovered)).toHaveLength(5)
  })

  it('go when all that they hold was replaced by a snapshot', () => {
    const first = TestLife.inTerm(1)
    first.append(1, 1, 'a', 'b')
    first.takeSnapshot(2, 1, 'state')
    const second = TestLife.begin(first.folder)
    second.seal()
    expect(segmentsOf(second.folder)).toEqual([2])
    expect(new TestLife(second.folder).recovered).toMatchObject({ baseIndex: 2, runs: [], term: 1, damage: undefined })
  })
})
