import { describe, expect, it } from 'vitest'
import { crc32c } from '../lib/crc32c.ts'
import type { GroupId, ServerId, ServerName } from '../wire/ids.ts'
import type { DiskOp } from './disk.ts'
import { Storage } from './storage.ts'
import { entriesOf, runOf, type TestFolder, TestLife, testOptions, testServer } from './test-folder.contract.ts'

const group = '0123456789abcdef0123456789abcdef' as GroupId
const other = 'b#0000000000000002' as ServerId

describe('a storage', () => {
  it('finds an empty folder empty and makes it its own', () => {
    const first = TestLife.begin()
    expect(first.recovered).toMatchObject({
      identity: { server: testServer, group: undefined },
      empty: true,
      torn: false,
    })
    const fresh = 'a#00000000000000ff' as ServerId
    const again = Storage.open(first.folder.reader(), testOptions, fresh)
    expect(again).toMatchObject({ recovered: { identity: { server: testServer, group: undefined }, empty: true } })
  })

  it('gives back entries, hard state, commit and group', () => {
    const life = TestLife.begin()
    life.storage.saveHardState(3, other)
    life.storage.saveIdentity(testServer, group)
    life.append(1, 2, 'one', 'two')
    life.append(3, 3, 'three')
    life.storage.noteCommit(2)
    life.storage.saveHardState(4, undefined)
    life.flush()
    const { recovered } = new TestLife(life.folder)
    expect(entriesOf(recovered)).toEqual(['1:2:one', '2:2:two', '3:3:three'])
    expect(recovered).toMatchObject({
      term: 4,
      votedFor: undefined,
      commit: 2,
      empty: false,
      torn: false,
      baseIndex: 0,
    })
    expect(recovered.identity).toEqual({ server: testServer, group })
    expect(recovered.damage).toBeUndefined()
  })

  it('gives back the vote', () => {
    const life = TestLife.begin()
    life.storage.saveHardState(3, other)
    life.flush()
    expect(new TestLife(life.folder).recovered).toMatchObject({ term: 3, votedFor: other, empty: true })
  })

  it('replaces entries from where a run begins', () => {
    const life = TestLife.begin()
    life.append(1, 1, 'a', 'b', 'c', 'd')
    life.append(3, 2, 'C')
    expect(entriesOf(new TestLife(life.folder).recovered)).toEqual(['1:1:a', '2:1:b', '3:2:C'])
  })

  it('keeps every kind of run as it was', () => {
    const life = TestLife.begin()
    const runs = [runOf(1, 1, 'x', '', 'z'), { ...runOf(4, 2, 'm'), kind: 'members' as const }]
    for (const run of runs) life.storage.append(run)
    life.flush()
    expect(new TestLife(life.folder).recovered.runs).toEqual(runs)
  })

  it('puts what waits into one flush, with one in flight', () => {
    const life = TestLife.begin()
    const { storage } = life
    storage.append(runOf(1, 1, 'a'))
    storage.turn(0)
    const first = storage.takeOps()
    storage.append(runOf(2, 1, 'b'))
    storage.saveHardState(2, undefined)
    storage.append(runOf(3, 2, 'c'))
    storage.turn(0)
    expect(storage.takeOps()).toEqual([])
    expect([storage.durable, storage.written]).toEqual([1, 5])
    for (const op of first) storage.done(life.folder.apply(op), 0)
    expect(storage.durable).toBe(2)
    storage.turn(0)
    expect(life.settle()).toHaveLength(1)
    expect(storage.durable).toBe(5)
  })

  it('ends a flush before it grows beyond its bound', () => {
    const life = TestLife.begin()
    for (let index = 1; index <= 5; index++) life.storage.append(runOf(index, 1, 'x'.repeat(900)))
    expect(life.flush().filter((op) => op.op === 'write')).toHaveLength(3)
    expect(new TestLife(life.folder).recovered.runs).toHaveLength(5)
  })

  it('makes nothing durable before the opening flush', () => {
    const life = new TestLife(TestLife.begin().folder)
    expect([life.storage.durable, life.storage.written]).toEqual([0, 1])
    life.storage.append(runOf(1, 1, 'a'))
    life.storage.turn(0)
    expect(life.storage.takeOps().map((op) => op.op)).toEqual(['create'])
  })

  it('writes the identity before any later record', () => {
    const life = TestLife.begin()
    life.storage.saveHardState(1, undefined)
    life.storage.saveIdentity(testServer, group)
    life.storage.append(runOf(1, 1, 'a'))
    const touched = life.flush().map((op) => (op.op === 'rename' ? op.to : op.file.slice(0, 3)))
    expect(touched).toEqual(['wal', 'ide', 'ide', 'identity', 'wal'])
  })
})

describe('the seal', () => {
  it('follows a flush when nothing else does', () => {
    const life = TestLife.begin()
    life.append(1, 1, 'a')
    expect(life.storage.nextDeadline()).toBe(100)
    life.storage.turn(99)
    expect(life.settle()).toEqual([])
    life.storage.turn(100)
    expect(life.settle()).toHaveLength(1)
    expect(life.storage.nextDeadline()).toBeUndefined()
  })

  it('is not needed when a flush follows in time, and carries the commit', () => {
    const life = TestLife.begin()
    life.append(1, 1, 'a')
    life.nowMs = 90
    life.append(2, 1, 'b')
    expect(life.storage.nextDeadline()).toBe(190)
    life.storage.noteCommit(2)
    life.seal()
    expect(new TestLife(life.folder).recovered.commit).toBe(2)
  })

  it('does not claim a commit for entries that are not in the log yet', () => {
    const life = TestLife.begin()
    life.append(1, 1, 'a', 'b')
    life.storage.append(runOf(2, 2, 'x'.repeat(1500)))
    life.storage.append(runOf(3, 2, 'y'.repeat(1500)))
    life.storage.noteCommit(3)
    life.storage.turn(0)
    life.settle()
    expect(new TestLife(life.folder.copy()).recovered).toMatchObject({ commit: 0 })
    life.flush()
    expect(new TestLife(life.folder).recovered).toMatchObject({ commit: 3 })
  })
})

describe('segments', () => {
  const wals = (folder: TestFolder) => [...folder.files.keys()].filter((file) => file.startsWith('wal-'))

  it('follow one another when they are full, and are made ahead', () => {
    const life = TestLife.begin()
    for (let index = 1; index <= 60; index++) life.append(index, 1, `entry ${index}`)
    expect(wals(life.folder).length).toBeGreaterThan(4)
    expect(entriesOf(new TestLife(life.folder).recovered)).toHaveLength(60)
  })

  it('are removed once a durable snapshot covers them', () => {
    const life = TestLife.inTerm(1)
    for (let index = 1; index <= 60; index++) life.append(index, 1, `entry ${index}`)
    life.takeSnapshot(58, 1, 'state')
    expect(wals(life.folder).length).toBeLessThanOrEqual(2)
    const { recovered } = new TestLife(life.folder)
    expect(entriesOf(recovered)).toEqual(['59:1:entry 59', '60:1:entry 60'])
    expect(recovered.damage).toBeUndefined()
  })

  it('do not pile up over many lives', () => {
    let life = TestLife.inTerm(1)
    for (let i = 0; i < 20; i++) {
      life.append(i + 1, 1, 'x')
      life = TestLife.begin(life.folder)
    }
    life.append(21, 1, 'y')
    life.takeSnapshot(21, 1)
    expect(wals(life.folder)).toHaveLength(1)
    expect(new TestLife(life.folder).recovered).toMatchObject({ baseIndex: 21, runs: [], damage: undefined })
  })

  it('are larger than usual for a record that is', () => {
    const life = TestLife.begin()
    life.append(1, 1, 'x'.repeat(20_000))
    life.append(2, 1, 'y'.repeat(30_000), 'z')
    expect(entriesOf(new TestLife(life.folder).recovered).map((entry) => entry.length)).toEqual([20_004, 30_004, 5])
  })
})

describe('a folder is refused, untouched,', () => {
  const own = () => {
    const life = TestLife.begin()
    life.storage.saveIdentity(testServer, group)
    life.append(1, 1, 'a')
    return life.folder
  }
  const refusal = (folder: TestFolder, options = testOptions) => {
    const fresh = `${options.name}#00000000000000ff` as ServerId
    const before = folder.copy()
    const opened = Storage.open(folder.reader(), options, fresh)
    expect(folder.files).toEqual(before.files)
    return 'refused' in opened ? opened : undefined
  }

  it('when it belongs to another server', () => {
    const refused = refusal(own(), { ...testOptions, name: 'b' as ServerName })
    expect(refused?.refused).toBe('OTHER_SERVER')
    expect(refused?.text).toBe('the folder belongs to server a, but this is server b')
  })

  it('when it belongs to another group, but not when it has none or none is asked for', () => {
    const wanted = 'ffffffffffffffffffffffffffffffff' as GroupId
    expect(refusal(own(), { ...testOptions, group: wanted })).toEqual({
      refused: 'OTHER_GROUP',
      text: `the folder belongs to group ${group}, but this server belongs to group ${wanted}`,
    })
    expect(refusal(own(), { ...testOptions, group })).toBeUndefined()
    expect(refusal(own())).toBeUndefined()
    expect(refusal(TestLife.begin().folder, { ...testOptions, group: wanted })).toBeUndefined()
  })

  it('when a newer version wrote it', () => {
    const folder = own()
    for (const at of [0, 4096]) rewriteVersion(folder.file('identity'), at, 256)
    expect(refusal(folder)?.refused).toBe('NEWER_FORMAT')
    const log = own()
    rewriteVersion(log.file('wal-0000000001'), 0, 256)
    expect(refusal(log)?.refused).toBe('NEWER_FORMAT')
  })

  it('when its identity is gone or wholly damaged, but not when one copy is left', () => {
    const half = own()
    half.file('identity').fill(0xff, 0, 4096)
    expect(refusal(half)).toBeUndefined()
    half.file('identity').fill(0xff, 4096)
    expect(refusal(half)?.refused).toBe('DAMAGED_IDENTITY')
    const gone = own()
    gone.files.delete('identity')
    expect(refusal(gone)?.refused).toBe('DAMAGED_IDENTITY')
  })

  it('when its snapshot is of a later term than its votes', () => {
    const life = TestLife.begin()
    const early = life.folder.copy()
    life.storage.saveHardState(2, undefined)
    life.append(1, 2, 'a')
    life.takeSnapshot(1, 2)
    const wal = 'wal-0000000001'
    life.folder.file(wal).set(early.file(wal))
    expect(refusal(life.folder)?.refused).toBe('BURNT')
  })

  it('when a member of a group has lost its log and with it its votes', () => {
    const folder = own()
    for (const file of [...folder.files.keys()]) if (file.startsWith('wal-')) folder.files.delete(file)
    expect(refusal(folder)?.refused).toBe('BURNT')
  })
})

describe('a storage whose disk fails', () => {
  const failing = (what: (op: DiskOp) => boolean, code: 'EIO' | 'ENOSPC') => {
    const life = TestLife.begin()
    life.append(1, 1, 'kept')
    life.folder.fault = (op) => (what(op) ? { code, message: 'broken' } : undefined)
    for (let index = 2; index <= 40 && life.storage.failure === undefined; index++) life.append(index, 1, 'x')
    return life
  }

  it('stops for good after an error of a write, with its identity burnt', () => {
    const life = failing((op) => op.op === 'write', 'EIO')
    expect(life.storage.failure).toEqual({ code: 'EIO', message: 'broken', burnt: true })
    life.folder.fault = undefined
    life.storage.append(runOf(3, 1, 'late'))
    life.storage.turn(1000)
    expect(life.storage.takeOps()).toEqual([])
    expect(life.storage.nextDeadline()).toBeUndefined()
    expect(life.storage.durable).toBeLessThan(life.storage.written)
    life.storage.checkInvariants()
  })

  it('stops with its identity intact when a segment finds no room, and loses nothing', () => {
    const life = failing((op) => op.op === 'create', 'ENOSPC')
    expect(life.storage.failure).toEqual({ code: 'ENOSPC', message: 'broken', burnt: false })
    const durable = life.storage.durable - 1
    life.folder.fault = undefined
    const { recovered } = new TestLife(life.folder)
    expect(entriesOf(recovered).length).toBeGreaterThanOrEqual(durable)
    expect(recovered.damage).toBeUndefined()
  })

  it('stops when the opening flush fails', () => {
    const folder = TestLife.begin().folder
    folder.fault = (op) => (op.op === 'write' ? { code: 'EIO', message: 'broken' } : undefined)
    const life = TestLife.begin(folder)
    expect(life.storage.failure?.burnt).toBe(true)
    expect(life.storage.durable).toBe(0)
  })
})

/** Makes a checksummed block claim a later format. */
function rewriteVersion(bytes: Uint8Array, at: number, length: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint32(at + 4, 99, true)
  view.setUint32(at + length - 4, crc32c(bytes, at, at + length - 4), true)
}
