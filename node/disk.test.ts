import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { diskContract } from '../core/storage/disk.contract.ts'
import type { DiskInput, DiskOp } from '../core/storage/disk.ts'
import { FolderUnusable, NodeDisk } from './disk.ts'
import { LossyDisk } from './lossy-disk.ts'

const folders: string[] = []
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-disk-'))
  folders.push(folder)
  return folder
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function carryOut(disk: Pick<NodeDisk, 'start'>, ops: readonly DiskOp[]): Promise<DiskInput[]> {
  return new Promise((resolve) => {
    const inputs: DiskInput[] = []
    for (const op of ops) disk.start(op, (input) => inputs.push(input) === ops.length && resolve(inputs))
  })
}

diskContract('the disk of files', () => {
  const disk = NodeDisk.open(newFolder())
  return {
    carryOut: (ops) => carryOut(disk, ops),
    reader: () => disk.reader(),
    losePower: () => {},
    close: () => disk.close(),
  }
})

diskContract('the disk that loses power', () => {
  const disk = NodeDisk.open(newFolder())
  const lossy = new LossyDisk(disk)
  return {
    carryOut: (ops) => carryOut(lossy, ops),
    reader: () => lossy.reader(),
    losePower: () => lossy.crash(),
    close: () => disk.close(),
  }
})

const bytes = Uint8Array.from([1, 2, 3])
const create: DiskOp = { op: 'create', id: 1, file: 'wal', bytes: 3 }

describe('the disk that loses power', () => {
  it('loses writes that no sync followed, of the file alone', async () => {
    const disk = NodeDisk.open(newFolder())
    const lossy = new LossyDisk(disk)
    await carryOut(lossy, [
      create,
      { op: 'create', id: 2, file: 'other', bytes: 3 },
      { op: 'write', id: 3, file: 'wal', offset: 0, bytes, sync: false },
      { op: 'write', id: 4, file: 'other', offset: 0, bytes, sync: true },
    ])
    expect(lossy.reader().read('wal', 0, 3)).toEqual(bytes)
    lossy.crash()
    expect(lossy.reader().read('wal', 0, 3)).toEqual(new Uint8Array(3))
    expect(lossy.reader().read('other', 0, 3)).toEqual(bytes)
    await disk.close()
  })

  it('loses a sync that was still under way, and never completes it', async () => {
    const disk = NodeDisk.open(newFolder())
    const lossy = new LossyDisk(disk, 20)
    await carryOut(lossy, [create])
    let completed = false
    lossy.start({ op: 'write', id: 2, file: 'wal', offset: 0, bytes, sync: true }, () => {
      completed = true
    })
    lossy.crash()
    await lossy.settled()
    expect(completed).toBe(false)
    expect(lossy.reader().read('wal', 0, 3)).toEqual(new Uint8Array(3))
    await disk.close()
  })
})

describe('the disk of files', () => {
  it('keeps its files to the user it runs as', async () => {
    const folder = join(newFolder(), 'made', 'here')
    const disk = NodeDisk.open(folder)
    await carryOut(disk, [create])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600)
    await disk.close()
  })

  it('waits, when closed, for what is under way', async () => {
    const disk = NodeDisk.open(newFolder())
    const done: number[] = []
    disk.start(create, (input) => done.push(input.id))
    disk.start({ op: 'write', id: 2, file: 'wal', offset: 0, bytes, sync: true }, (input) => done.push(input.id))
    await disk.close()
    expect(done).toEqual([1, 2])
  })

  it('preallocates a file larger than a slice of zeros', async () => {
    const disk = NodeDisk.open(newFolder())
    await carryOut(disk, [{ op: 'create', id: 1, file: 'wal', bytes: 3 * 1024 * 1024 + 5 }])
    expect(disk.reader().size('wal')).toBe(3 * 1024 * 1024 + 5)
    await disk.close()
  })

  it('says which folder it cannot use', () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, '')
    expect(() => NodeDisk.open(file)).toThrow(FolderUnusable)
    expect(() => NodeDisk.open(file)).toThrow(file)
  })

  it('is not used twice at a time', async () => {
    const folder = newFolder()
    const disk = NodeDisk.open(folder)
    expect(() => NodeDisk.open(folder)).toThrow(`in use by process ${process.pid}`)
    await disk.close()
    await NodeDisk.open(folder).close()
    expect(readdirSync(folder)).toEqual([])
  })

  it('is taken over from a process that was killed', async () => {
    const folder = newFolder()
    const source = `import { NodeDisk } from ${JSON.stringify(join(import.meta.dirname, 'disk.ts'))}
      NodeDisk.open(${JSON.stringify(folder)}); console.log('open'); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
      cwd: join(import.meta.dirname, '..'),
    })
    await once(child.stdout, 'data')
    expect(() => NodeDisk.open(folder)).toThrow(`in use by process ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await NodeDisk.open(folder).close()
  })

  it('does not take another process with the same number for the holder', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'lock'), `${process.pid} another\n`)
    await NodeDisk.open(folder).close()
  })
})
