import { describe, expect, it } from 'vitest'
import { type DiskUnderTest, diskContract } from '../core/storage/disk.contract.ts'
import type { DiskInput, DiskOp } from '../core/storage/disk.ts'
import { SimDisk, simDiskDefaults } from './disk.ts'
import { createDice } from './prng.ts'

let disks = 0

function underTest(): DiskUnderTest {
  const disk = new SimDisk(createDice(`contract ${++disks}`))
  return {
    carryOut: async (ops) => carryOut(disk, ops),
    reader: () => disk.reader(),
    losePower: () => disk.powerLoss(),
    close: async () => {},
  }
}

function carryOut(disk: SimDisk, ops: readonly DiskOp[]): DiskInput[] {
  const started = ops.map((op, order) => ({ op, order, atUs: disk.start(op, 0) }))
  started.sort((a, b) => a.atUs - b.atUs || a.order - b.order)
  return started.map(({ op }) => ({ kind: 'disk-done', id: op.id, error: disk.complete(op) }))
}

diskContract('the simulated disk', underTest)

const sector = simDiskDefaults.sectorBytes
let lastId = 0
const create = (file: string, bytes: number): DiskOp => ({ op: 'create', id: ++lastId, file, bytes })
const write = (file: string, offset: number, bytes: Uint8Array, sync: boolean): DiskOp => {
  return { op: 'write', id: ++lastId, file, offset, bytes, sync }
}
const sectorsOf = (...values: number[]) => Uint8Array.from(values.flatMap((value) => Array<number>(sector).fill(value)))
const sectorsIn = (disk: SimDisk, file: string) => {
  const reader = disk.reader()
  return Array.from({ length: reader.size(file) / sector }, (_, i) => {
    const bytes = reader.read(file, i * sector, sector)
    return bytes.every((byte) => byte === bytes[0]) ? bytes[0] : 'mixed'
  })
}

/** Many power losses after the same writes, of which only the first is synced. */
function afterPowerLoss(seeds: number): { disk: SimDisk; sectors: (number | string | undefined)[] }[] {
  return Array.from({ length: seeds }, (_, seed) => {
    const disk = new SimDisk(createDice(`loss ${seed}`))
    carryOut(disk, [
      create('a', 5 * sector),
      write('a', 0, sectorsOf(1), true),
      write('a', sector, sectorsOf(2, 3), false),
      write('a', 3 * sector, sectorsOf(4), false),
    ])
    disk.powerLoss()
    return { disk, sectors: sectorsIn(disk, 'a') }
  })
}

describe('a simulated disk that loses power', () => {
  const losses = afterPowerLoss(300)
  const seen = new Set(losses.map(({ sectors }) => JSON.stringify(sectors)))

  it('never touches what was synced or not written', () => {
    for (const { sectors } of losses) expect([sectors[0], sectors[4]]).toEqual([1, 0])
  })

  it('loses all, nothing, the later part or the earlier part', () => {
    for (const sectors of [
      [1, 0, 0, 0, 0],
      [1, 2, 3, 4, 0],
      [1, 2, 0, 0, 0],
      [1, 0, 0, 4, 0],
      [1, 0, 3, 4, 0],
    ]) {
      expect(seen).toContain(JSON.stringify(sectors))
    }
  })

  it('leaves garbage in some sectors', () => {
    expect([...seen].some((sectors) => sectors.includes('mixed'))).toBe(true)
  })

  it('counts what it did', () => {
    const total = { lost: 0, torn: 0, reordered: 0 }
    for (const { disk, sectors } of losses) {
      total.lost += disk.counts.lost
      total.torn += disk.counts.torn
      total.reordered += disk.counts.reordered
      if (JSON.stringify(sectors) === '[1,2,3,4,0]')
        expect(disk.counts).toMatchObject({ lost: 0, torn: 0, reordered: 0 })
      if (JSON.stringify(sectors) === '[1,0,0,0,0]')
        expect(disk.counts).toMatchObject({ lost: 2, torn: 0, reordered: 0 })
      if (JSON.stringify(sectors) === '[1,0,0,4,0]')
        expect(disk.counts).toMatchObject({ lost: 1, torn: 0, reordered: 1 })
    }
    for (const count of Object.values(total)) expect(count).toBeGreaterThan(20)
  })

  it('does the same again for the same seed', () => {
    expect(afterPowerLoss(20).map(({ sectors }) => sectors)).toEqual(losses.slice(0, 20).map(({ sectors }) => sectors))
  })

  it('may bring back a removed file, but not once the folder was synced', () => {
    const lists = (then: readonly DiskOp[]) =>
      Array.from({ length: 40 }, (_, seed) => {
        const disk = new SimDisk(createDice(`back ${seed}`))
        carryOut(disk, [create('a', 1)])
        carryOut(disk, [{ op: 'remove', id: ++lastId, file: 'a' }])
        carryOut(disk, then)
        disk.powerLoss()
        return disk.reader().list().includes('a')
      })
    expect(new Set(lists([]))).toEqual(new Set([true, false]))
    expect(new Set(lists([create('b', 1)]))).toEqual(new Set([false]))
  })
})

describe('a simulated disk whose process dies', () => {
  it('keeps the page cache', () => {
    const disk = new SimDisk(createDice('cache'))
    carryOut(disk, [create('a', sector), write('a', 0, sectorsOf(7), false)])
    disk.processCrash()
    expect(sectorsIn(disk, 'a')).toEqual([7])
  })

  it('may or may not have carried out what was under way, and never a later write without an earlier one', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const disk = new SimDisk(createDice(`flight ${seed}`))
      carryOut(disk, [create('a', 2 * sector)])
      disk.start(write('a', 0, sectorsOf(1), false), 0)
      disk.start(write('a', sector, sectorsOf(2), true), 0)
      disk.processCrash()
      seen.add(JSON.stringify(sectorsIn(disk, 'a')))
    }
    expect(seen).toContain('[0,0]')
    expect(seen).toContain('[1,0]')
    expect(seen).toContain('[1,2]')
    expect(seen).not.toContain('[0,2]')
  })
})

describe('a simulated disk with faults', () => {
  it('fails one sync, after which the write may be lost though later syncs succeed', () => {
    const kept = new Set<unknown>()
    for (let seed = 0; seed < 40; seed++) {
      const disk = new SimDisk(createDice(`sync ${seed}`))
      carryOut(disk, [create('a', 2 * sector)])
      disk.failNextSync()
      expect(carryOut(disk, [write('a', 0, sectorsOf(1), true)])[0]?.error?.code).toBe('EIO')
      expect(sectorsIn(disk, 'a')).toEqual([1, 0])
      expect(carryOut(disk, [write('a', sector, sectorsOf(2), true)])[0]?.error).toBeUndefined()
      disk.powerLoss()
      kept.add(JSON.stringify(sectorsIn(disk, 'a')))
      expect(disk.counts.fsyncFailed).toBe(1)
    }
    expect(kept).toEqual(new Set(['[0,2]', '[1,2]']))
  })

  it('refuses what exceeds its capacity and takes it when there is room again', () => {
    const disk = new SimDisk(createDice('full'), { ...simDiskDefaults, capacityBytes: 1000 })
    const errors = (...ops: DiskOp[]) => carryOut(disk, ops).map((input) => input.error?.code)
    expect(errors(create('a', 900))).toEqual([undefined])
    expect(errors(create('b', 101))).toEqual(['ENOSPC'])
    expect(errors(write('a', 900, new Uint8Array(101), true))).toEqual(['ENOSPC'])
    expect(errors(create('a', 1000))).toEqual([undefined])
    expect(errors({ op: 'remove', id: ++lastId, file: 'a' })).toEqual([undefined])
    expect(errors(create('b', 1000))).toEqual([undefined])
    expect(disk.counts.noSpace).toBe(2)
  })

  it('spares what the newest sync stored, when it is asked to', () => {
    const disk = new SimDisk(createDice('spared'))
    carryOut(disk, [create('a', 4 * sector), create('b', 4 * sector)])
    carryOut(disk, [write('a', 0, sectorsOf(1), true)])
    carryOut(disk, [write('b', 0, sectorsOf(1, 1), true)])
    carryOut(disk, [write('b', 2 * sector, sectorsOf(1), true)])
    const places = Array.from({ length: 200 }, () => disk.rotAnywhere(undefined, () => true))
    const hit = new Set(places.map((place) => place && `${place.file}${Math.floor(place.offset / sector)}`))
    expect(hit).toEqual(new Set(['a0', 'b0', 'b1', undefined]))
  })

  it('rots a bit of what was written, for good', () => {
    const disk = new SimDisk(createDice('rot'))
    carryOut(disk, [create('a', 4096), write('a', 0, sectorsOf(0), true), create('b', 4096)])
    const place = disk.rotAnywhere()
    expect(place?.file).toBe('a')
    expect(place?.offset).toBeLessThan(sector)
    disk.powerLoss()
    expect(disk.reader().read('a', place?.offset ?? 0, 1)).toEqual(Uint8Array.of(1 << (place?.bit ?? 0)))
    expect(disk.counts.rotted).toBe(1)
    expect(disk.rotAnywhere((file) => file === 'b')).toBeUndefined()
  })

  it('holds nothing after it was wiped', () => {
    const disk = new SimDisk(createDice('wipe'))
    carryOut(disk, [create('a', 10)])
    disk.wipe()
    expect(disk.reader().list()).toEqual([])
  })

  it('is slower by the factor set', () => {
    const disk = new SimDisk(createDice('slow'))
    disk.slowness = 1000
    expect(disk.start(write('a', 0, sectorsOf(1), true), 5)).toBeGreaterThanOrEqual(simDiskDefaults.syncUsMin * 1000)
  })
})
