import { describe, expect, it } from 'vitest'
import { bytesOf, entriesOf, runOf, TestLife, textOf } from './test-folder.contract.ts'

describe('a snapshot', () => {
  const withSnapshot = () => {
    const life = TestLife.inTerm(4)
    life.append(1, 1, 'a', 'b', 'c')
    life.takeSnapshot(2, 1, 'first', '', 'third')
    return life
  }

  it('comes back chunk by chunk, and the log behind it', () => {
    const { recovered } = new TestLife(withSnapshot().folder)
    expect(recovered.snapshot).toMatchObject({ index: 2, term: 1 })
    expect([...(recovered.snapshot?.chunks ?? [])].map(textOf)).toEqual(['first', '', 'third'])
    expect(recovered).toMatchObject({ baseIndex: 2, baseTerm: 1, commit: 2 })
    expect(entriesOf(recovered)).toEqual(['3:1:c'])
  })

  it('counts only when it is durable and in place', () => {
    const life = TestLife.inTerm(1)
    life.append(1, 1, 'a', 'b')
    life.storage.beginSnapshot(2, 1)
    life.storage.snapshotChunk(bytesOf('chunk'))
    life.settle()
    expect(life.storage).toMatchObject({ snapshotBacklog: 0, snapshotBusy: true, snapshotDurable: 0 })
    expect(new TestLife(life.folder.copy()).recovered.snapshot).toBeUndefined()
    life.storage.endSnapshot()
    life.settle()
    expect(life.storage).toMatchObject({ snapshotBusy: false, snapshotDurable: 2 })
  })

  it('replaces the one before it', () => {
    const life = withSnapshot()
    life.takeSnapshot(3, 1, 'newer')
    expect([...life.folder.files.keys()].filter((file) => file.startsWith('snapshot'))).toEqual([
      'snapshot-0000000000000003',
    ])
  })

  it('can be abandoned and begun anew', () => {
    const life = TestLife.inTerm(1)
    life.append(1, 1, 'a', 'b')
    life.storage.beginSnapshot(1, 1)
    for (let i = 0; i < 5; i++) life.storage.snapshotChunk(bytesOf('dropped'))
    expect(life.storage.snapshotBacklog).toBe(6)
    life.storage.abandonSnapshot()
    expect(life.storage).toMatchObject({ snapshotBusy: false, snapshotBacklog: 0 })
    life.takeSnapshot(2, 1, 'kept')
    expect([...(new TestLife(life.folder).recovered.snapshot?.chunks ?? [])].map(textOf)).toEqual(['kept'])
  })

  it('that was cut short leaves no trace', () => {
    const life = withSnapshot()
    life.storage.beginSnapshot(3, 1)
    life.settle()
    const next = TestLife.begin(life.folder)
    expect(next.recovered.snapshot?.index).toBe(2)
    expect([...next.folder.files.keys()]).not.toContain('snapshot.tmp')
  })

  it('that is damaged anywhere, with the log gone that it covers, is damage from the start', () => {
    const life = TestLife.inTerm(1)
    for (let index = 1; index <= 30; index++) life.append(index, 1, `entry ${index}`)
    life.takeSnapshot(30, 1, 'some state', 'and more')
    const file = 'snapshot-0000000000000030'
    for (let offset = 0; offset < life.folder.file(file).length; offset++) {
      const folder = life.folder.copy()
      folder.file(file)[offset] = (folder.file(file)[offset] ?? 0) ^ (1 << (offset % 8))
      const { recovered } = new TestLife(folder)
      expect(recovered).toMatchObject({ snapshot: undefined, baseIndex: 0, runs: [], empty: false })
      expect(recovered.damage).toEqual({ from: 1, upTo: 30 })
    }
  })

  it('that is damaged does no harm while the log is whole', () => {
    const life = withSnapshot()
    life.folder.file('snapshot-0000000000000002')[3] = 7
    const { recovered } = new TestLife(life.folder)
    expect(entriesOf(recovered)).toEqual(['1:1:a', '2:1:b', '3:1:c'])
    expect(recovered.damage).toBeUndefined()
  })

  it('that was installed replaces the log, which is reset only when it is durable', () => {
    const life = withSnapshot()
    life.storage.beginSnapshot(10, 4)
    life.storage.endSnapshot()
    life.storage.reset(10, 4)
    life.storage.append(runOf(11, 4, 'k'))
    life.storage.turn(0)
    expect(life.storage.takeOps().every((op) => op.file === 'snapshot.tmp')).toBe(true)

    const whole = withSnapshot()
    whole.storage.beginSnapshot(10, 4)
    whole.storage.endSnapshot()
    whole.storage.reset(10, 4)
    whole.storage.append(runOf(11, 4, 'k'))
    whole.settle()
    whole.flush()
    const { recovered } = new TestLife(whole.folder)
    expect(recovered).toMatchObject({ baseIndex: 10, baseTerm: 4, commit: 10, damage: undefined })
    expect(entriesOf(recovered)).toEqual(['11:4:k'])
  })

  it('that was installed before the log was reset outweighs a log of another term', () => {
    const life = TestLife.inTerm(2)
    life.append(1, 1, 'a', 'b', 'c', 'd')
    life.takeSnapshot(3, 2, 'state')
    const { recovered } = new TestLife(life.folder)
    expect(recovered).toMatchObject({ baseIndex: 3, baseTerm: 2, runs: [], damage: undefined })
  })

  it('that was installed beyond the log lets the log go on behind it', () => {
    const life = withSnapshot()
    life.takeSnapshot(10, 4, 'state')
    const next = TestLife.begin(life.folder)
    next.append(11, 4, 'k')
    const { recovered } = new TestLife(next.folder)
    expect(entriesOf(recovered)).toEqual(['11:4:k'])
    expect(recovered.damage).toBeUndefined()
  })
})
