import { describe, expect, it } from 'vitest'
import { bytesEqual } from '../lib/bytes.ts'
import type { ServerId } from '../wire/ids.ts'
import type { DiskOp } from './disk.ts'
import { entriesOf, runOf, TestFolder, TestLife, testOptions } from './test-folder.contract.ts'
import { flushHeaderBytes } from './wal-format.ts'

const other = 'b#0000000000000002' as ServerId
type Write = Extract<DiskOp, { readonly op: 'write' }>

/** A life with three flushes of entries, and the writes that made them. Entries 1 to 6, hard state and commit. */
function threeFlushes(): { life: TestLife; writes: Write[]; before: TestFolder } {
  const life = TestLife.begin()
  const writes: Write[] = []
  const flush = () => {
    for (const op of life.flush()) if (op.op === 'write') writes.push(op)
  }
  life.storage.saveHardState(1, other)
  life.storage.append(runOf(1, 1, 'one', 'two'))
  flush()
  life.storage.noteCommit(2)
  life.storage.append(runOf(3, 1, 'three', 'four'))
  flush()
  const before = life.folder.copy()
  life.storage.saveHardState(2, undefined)
  life.storage.append(runOf(5, 2, 'five', 'six'))
  flush()
  return { life, writes, before }
}

const entries = ['1:1:one', '2:1:two', '3:1:three', '4:1:four', '5:2:five', '6:2:six']

function flip(folder: TestFolder, write: Write, at: number): TestFolder {
  const spoiled = folder.copy()
  const file = spoiled.file(write.file)
  file[write.offset + at] = (file[write.offset + at] ?? 0) ^ (1 << (at % 8))
  return spoiled
}

const walOf = (ops: readonly Write[], i: number): Write => {
  const write = ops[i]
  if (write === undefined) throw new Error('no such flush')
  return write
}

describe('recovery from a torn last flush', () => {
  const { life, writes, before } = threeFlushes()
  const last = walOf(writes, 2)
  const tornAt = (length: number, rest: number): TestFolder => {
    const folder = before.copy()
    const file = folder.file(last.file)
    file.fill(rest, last.offset, last.offset + last.bytes.length)
    file.set(last.bytes.subarray(0, length), last.offset)
    return folder
  }

  it('drops it whole at every length, and goes on', () => {
    for (let length = 0; length < last.bytes.length; length++) {
      for (const rest of length % 9 === 0 ? [0, 0xa5] : [0]) {
        const next = TestLife.begin(tornAt(length, rest))
        expect(entriesOf(next.recovered)).toEqual(entries.slice(0, 4))
        expect(next.recovered).toMatchObject({ commit: 2, damage: undefined, torn: length > 0 || rest > 0 })
        expect(next.recovered.term).toBe(length < flushHeaderBytes ? 1 : 2)
        next.append(5, 3, 'new')
        const { recovered } = new TestLife(next.folder)
        expect(entriesOf(recovered)).toEqual([...entries.slice(0, 4), '5:3:new'])
        expect(recovered).toMatchObject({ damage: undefined, torn: false })
      }
    }
  })

  it('drops it when its head is there and its tail is not, in either order', () => {
    const folder = before.copy()
    folder.file(last.file).set(last.bytes.subarray(flushHeaderBytes), last.offset + flushHeaderBytes)
    expect(entriesOf(new TestLife(folder).recovered)).toEqual(entries.slice(0, 4))
    expect(entriesOf(new TestLife(tornAt(flushHeaderBytes, 0)).recovered)).toEqual(entries.slice(0, 4))
  })

  it('drops it when any of its bits is wrong', () => {
    for (let at = 0; at < last.bytes.length; at++) {
      const { recovered } = new TestLife(flip(life.folder, last, at))
      expect(entriesOf(recovered)).toEqual(entries.slice(0, 4))
      expect(recovered).toMatchObject({ torn: true, damage: undefined })
    }
  })

  it('never forgets a vote because of a bad payload', () => {
    expect(new TestLife(flip(life.folder, last, flushHeaderBytes + 3)).recovered.term).toBe(2)
  })
})

describe('recovery from damage before the last flush', () => {
  const { life, writes } = threeFlushes()
  const middle = walOf(writes, 1)

  it('reports it for every bit, gives the clean prefix, and cuts nothing off', () => {
    for (let at = 0; at < middle.bytes.length; at++) {
      const folder = flip(life.folder, middle, at)
      const untouched = folder.copy().file(middle.file)
      const { recovered } = TestLife.begin(folder)
      expect(entriesOf(recovered)).toEqual(entries.slice(0, 2))
      expect(recovered).toMatchObject({ damage: { from: 3, upTo: 6 }, term: 2, votedFor: undefined, commit: 2 })
      expect(bytesEqual(folder.file(middle.file), untouched)).toBe(true)
    }
  })

  it('reports it in the last flush too, once that was sealed', () => {
    const sealed = threeFlushes()
    sealed.life.seal()
    const last = walOf(sealed.writes, 2)
    for (let at = 0; at < last.bytes.length; at++) {
      const { recovered } = new TestLife(flip(sealed.life.folder, last, at))
      expect(entriesOf(recovered)).toEqual(entries.slice(0, 4))
      expect(recovered.damage).toEqual({ from: 5, upTo: 6 })
    }
  })

  it('keeps it in mind over restarts until the repair is done', () => {
    let next = TestLife.begin(flip(life.folder, middle, 260))
    next = TestLife.begin(next.folder)
    expect(entriesOf(next.recovered)).toEqual(entries.slice(0, 2))
    expect(next.recovered.damage).toEqual({ from: 3, upTo: 6 })
    next.append(3, 1, 'three', 'four')
    next = TestLife.begin(next.folder)
    expect(entriesOf(next.recovered)).toEqual(entries.slice(0, 4))
    expect(next.recovered.damage).toEqual({ from: 5, upTo: 6 })
    next.append(5, 2, 'five', 'six', 'seven')
    next = TestLife.begin(next.folder)
    expect(next.recovered.damage).toEqual({ from: 8, upTo: 6 })
    next.storage.repaired()
    next.flush()
    next = TestLife.begin(next.folder)
    expect(entriesOf(next.recovered)).toEqual([...entries, '7:2:seven'])
    expect(next.recovered.damage).toBeUndefined()
  })

  it('removes no segment while it lasts', () => {
    const spoiled = flip(life.folder, middle, 260)
    const next = TestLife.begin(spoiled)
    expect(next.folder.file(middle.file)).toEqual(spoiled.file(middle.file))
  })

  it('reports entries of a segment that is gone', () => {
    const long = TestLife.begin()
    for (let index = 1; index <= 40; index++) long.append(index, 1, `entry ${index}`)
    long.folder.files.delete('wal-0000000002')
    const { recovered } = new TestLife(long.folder)
    const held = entriesOf(recovered).length
    expect(held).toBeLessThan(20)
    expect(recovered.damage?.upTo).toBe(40)
    expect(recovered.damage?.from).toBe(held + 1)
  })

  it('reports a flush that the disk acknowledged and never wrote', () => {
    const spoiled = life.folder.copy()
    spoiled.file(middle.file).fill(0, middle.offset, middle.offset + middle.bytes.length)
    const { recovered } = new TestLife(spoiled)
    expect(entriesOf(recovered)).toEqual(entries.slice(0, 2))
    expect(recovered.damage).toEqual({ from: 3, upTo: 6 })
  })

  it('finds none where the flush in question was written again or only held promises since renewed', () => {
    const again = TestLife.begin()
    again.append(1, 1, 'a', 'b')
    again.storage.append(runOf(3, 1, 'c', 'd'))
    const [replaced] = again.flush().filter((op) => op.op === 'write')
    again.append(3, 2, 'C', 'D')
    again.storage.saveHardState(3, undefined)
    const [promise] = again.flush().filter((op) => op.op === 'write')
    again.append(5, 3, 'E')
    if (replaced?.op !== 'write' || promise?.op !== 'write') throw new Error('no flush')
    for (const write of [replaced, promise]) {
      for (let at = 0; at < write.bytes.length; at++) {
        const { recovered } = new TestLife(flip(again.folder, write, at))
        expect(entriesOf(recovered)).toEqual(['1:1:a', '2:1:b', '3:2:C', '4:2:D', '5:3:E'])
        expect(recovered).toMatchObject({ damage: undefined, term: 3 })
      }
    }
  })

  it('finds none in what a snapshot covers', () => {
    const covered = threeFlushes()
    covered.life.takeSnapshot(4, 1, 'state')
    const { recovered } = new TestLife(flip(covered.life.folder, walOf(covered.writes, 1), 260))
    expect(entriesOf(recovered)).toEqual(entries.slice(4))
    expect(recovered.damage).toBeUndefined()
  })

  it('reports the whole log that hung on a snapshot which is lost', () => {
    const installed = TestLife.inTerm(2)
    installed.takeSnapshot(3, 2, 'state')
    installed.storage.reset(3, 2)
    installed.append(4, 2, 'four', 'five')
    for (const file of [...installed.folder.files.keys()]) {
      if (file.startsWith('snapshot-')) installed.folder.files.delete(file)
    }
    expect(new TestLife(installed.folder).recovered).toMatchObject({ runs: [], damage: { from: 1, upTo: 5 } })
  })

  it('gives up what hangs in the air behind it, though it can be read', () => {
    const two = threeFlushes()
    two.life.append(7, 2, 'seven')
    const spoil = (at: number) => flip(flip(two.life.folder, walOf(two.writes, 1), at), walOf(two.writes, 2), 10)
    const { recovered } = new TestLife(spoil(260))
    expect(entriesOf(recovered)).toEqual(entries.slice(0, 2))
    expect(recovered.damage).toEqual({ from: 3, upTo: 7 })
  })

  it('trusts only what was committed before two flushes of which nothing is known', () => {
    const two = threeFlushes()
    two.life.append(7, 2, 'seven')
    two.life.append(8, 2, 'eight')
    const spoiled = flip(flip(two.life.folder, walOf(two.writes, 1), 10), walOf(two.writes, 2), 10)
    expect(new TestLife(spoiled).recovered).toMatchObject({ runs: [], damage: { from: 1, upTo: 8 } })
  })

  it('believes no header that a client hid in a payload', () => {
    const life = TestLife.begin()
    life.append(1, 1, 'a')
    const wal = life.folder.file('wal-0000000001')
    const header = String.fromCharCode(...wal.subarray(512, 512 + flushHeaderBytes))
    life.append(2, 1, 'b'.repeat(512 - 280), header.repeat(4))
    const { recovered } = new TestLife(life.folder)
    expect(recovered.damage).toBeUndefined()
    expect(entriesOf(recovered)).toHaveLength(3)
  })
})

describe('recovery of what may not be durable yet', () => {
  /**
   * A process dies with its last flush in the page cache; the next one recovers it and is asked to say so; then the
   * power goes.
   */
  const pageCacheThenPowerLoss = (flushes: number) => {
    const { life, before, writes } = threeFlushes()
    const last = walOf(writes, 2)
    const next = TestLife.begin(life.folder)
    expect(entriesOf(next.recovered)).toEqual(entries)
    for (let i = 0; i < flushes; i++) next.append(7 + i, 2, 'more')
    const after = next.folder.copy()
    after.files.set(last.file, before.file(last.file).slice())
    return new TestLife(after).recovered
  }

  it('makes the last flush durable again before it counts', () => {
    for (const flushes of [0, 1, 3]) {
      const recovered = pageCacheThenPowerLoss(flushes)
      expect(entriesOf(recovered).slice(0, 6)).toEqual(entries)
      expect(entriesOf(recovered)).toHaveLength(6 + flushes)
      expect(recovered).toMatchObject({ damage: undefined, term: 2 })
    }
  })

  it('survives any number of openings that did not get to their end', () => {
    const { life } = threeFlushes()
    for (let stop = 0; stop < 2; stop++) {
      const next = new TestLife(life.folder)
      for (const op of next.storage.takeOps()) {
        const bytes = op.op === 'write' ? op.bytes.subarray(0, 100) : undefined
        life.folder.apply(op.op === 'write' && bytes !== undefined ? { ...op, bytes } : op)
      }
      const { recovered } = new TestLife(life.folder)
      expect(entriesOf(recovered)).toEqual(entries)
      expect(recovered.damage).toBeUndefined()
    }
  })

  it('reads a log that was written with larger blocks', () => {
    const life = TestLife.begin(new TestFolder(), { ...testOptions, blockBytes: 1024 })
    life.append(1, 1, 'a')
    life.append(2, 1, 'b')
    expect(entriesOf(new TestLife(life.folder).recovered)).toEqual(['1:1:a', '2:1:b'])
  })
})
