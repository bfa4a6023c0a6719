import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { storageDefaults } from '../core/storage/options.ts'
import { Storage } from '../core/storage/storage.ts'
import { entriesOf, runOf, testOptions, testServer } from '../core/storage/test-folder.contract.ts'
import { NodeDisk } from './disk.ts'
import { LossyDisk } from './lossy-disk.ts'

const folders: string[] = []
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-storage-'))
  folders.push(folder)
  return folder
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function open(disk: Pick<NodeDisk, 'reader'>, options = testOptions) {
  const opened = Storage.open(disk.reader(), options, testServer)
  if ('refused' in opened) throw new Error(opened.text)
  return opened
}

/** Turns until everything accepted is durable. */
async function settle(storage: Storage, disk: Pick<NodeDisk, 'start'>): Promise<void> {
  while (storage.durable < storage.written) {
    storage.turn(0)
    const ops = storage.takeOps()
    await new Promise<void>((resolve) => {
      let left = ops.length
      for (const op of ops) {
        disk.start(op, (input) => {
          storage.done(input, 0)
          if (--left === 0) resolve()
        })
      }
    })
  }
}

describe('storage on files', () => {
  it('gives back what was written, with the sizes of production', async () => {
    const folder = newFolder()
    const options = { ...testOptions, ...storageDefaults }
    const disk = NodeDisk.open(folder)
    const { storage } = open(disk, options)
    storage.saveHardState(2, testServer)
    storage.append(runOf(1, 2, 'one', 'two'.repeat(10_000)))
    await settle(storage, disk)
    await disk.close()
    const again = NodeDisk.open(folder)
    const { recovered } = open(again, options)
    expect(entriesOf(recovered)).toEqual(['1:2:one', `2:2:${'two'.repeat(10_000)}`])
    expect(recovered).toMatchObject({ term: 2, votedFor: testServer, torn: false, damage: undefined })
    await again.close()
  })

  it('keeps over a power failure what it called durable, and may lose what it did not', async () => {
    const disk = NodeDisk.open(newFolder())
    const lossy = new LossyDisk(disk, 5)
    const { storage } = open(lossy)
    storage.append(runOf(1, 1, 'durable'))
    await settle(storage, lossy)
    storage.append(runOf(2, 1, 'early'))
    storage.turn(0)
    for (const op of storage.takeOps()) lossy.start(op, (input) => storage.done(input, 0))
    lossy.crash()
    await lossy.settled()
    expect([storage.durable, storage.written]).toEqual([2, 3])
    expect(entriesOf(open(lossy).recovered)).toEqual(['1:1:durable'])
    await disk.close()
  })
})
