import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DiskInput, DiskOp, DiskReader } from './disk.ts'

/** A disk under test, empty at first. */
export interface DiskUnderTest {
  /**
   * Starts the operations in this order, at once, and resolves with their completions in the order in which they came.
   */
  carryOut(ops: readonly DiskOp[]): Promise<readonly DiskInput[]>
  /** What a process that starts now would read. */
  reader(): DiskReader
  /** Loses what is not durable. A disk that can't be made to does nothing: what is durable must be there either way. */
  losePower(): void
  close(): Promise<void>
}

/** What every disk must do. Run by the real one and the simulated one. */
export function diskContract(name: string, make: () => DiskUnderTest): void {
  describe(`${name} keeps the disk contract`, () => {
    let disk: DiskUnderTest
    let lastId = 0
    beforeEach(() => {
      disk = make()
    })
    afterEach(() => disk.close())

    const create = (file: string, bytes: number): DiskOp => ({ op: 'create', id: ++lastId, file, bytes })
    const remove = (file: string): DiskOp => ({ op: 'remove', id: ++lastId, file })
    const rename = (file: string, to: string): DiskOp => ({ op: 'rename', id: ++lastId, file, to })
    const write = (file: string, offset: number, text: string, sync = true): DiskOp => {
      return { op: 'write', id: ++lastId, file, offset, bytes: bytesOf(text), sync }
    }
    const succeed = async (...ops: DiskOp[]) => {
      const inputs = await disk.carryOut(ops)
      expect(inputs.map((input) => input.error)).toEqual(ops.map(() => undefined))
      return inputs
    }
    const textOf = (file: string, offset = 0, length = disk.reader().size(file) - offset) =>
      String.fromCharCode(...disk.reader().read(file, offset, length))

    it('starts empty', () => {
      expect(disk.reader().list()).toEqual([])
    })

    it('creates a file of zeros', async () => {
      await succeed(create('a', 10_000))
      expect(disk.reader().size('a')).toBe(10_000)
      expect(disk.reader().read('a', 0, 10_000)).toEqual(new Uint8Array(10_000))
    })

    it('creates a file anew where one is', async () => {
      await succeed(create('a', 8), write('a', 0, 'old text'), create('a', 3))
      expect(textOf('a')).toBe('\0\0\0')
    })

    it('lists files by code unit', async () => {
      await succeed(create('b', 1), create('B', 1), create('a-1', 1), create('a', 1))
      expect(disk.reader().list()).toEqual(['B', 'a', 'a-1', 'b'])
    })

    it('reads back what was written', async () => {
      await succeed(create('a', 16), write('a', 4, 'middle'))
      expect(textOf('a')).toBe('\0\0\0\0middle\0\0\0\0\0\0')
      expect(textOf('a', 6, 3)).toBe('ddl')
    })

    it('shows a write to the next process though it was not synced', async () => {
      await succeed(create('a', 4), write('a', 0, 'soft', false))
      expect(textOf('a')).toBe('soft')
    })

    it('extends a file that is written to behind its end', async () => {
      await succeed(create('a', 2), write('a', 4, 'end'))
      expect(textOf('a')).toBe('\0\0\0\0end')
    })

    it('reads zeros beyond the end and where no file is', async () => {
      await succeed(create('a', 2), write('a', 0, 'ab'))
      expect(textOf('a', 1, 4)).toBe('b\0\0\0')
      expect(textOf('a', 9, 2)).toBe('\0\0')
      expect(textOf('none', 0, 2)).toBe('\0\0')
      expect(disk.reader().size('none')).toBe(0)
    })

    it('completes every operation once, by its id', async () => {
      const ops = [create('a', 8), write('a', 0, 'x'), create('b', 8), remove('c')]
      const inputs = await succeed(...ops)
      expect(inputs.map((input) => input.id).sort((a, b) => a - b)).toEqual(ops.map((op) => op.id))
    })

    it('keeps the order of operations on one file', async () => {
      const ops = [create('a', 4), ...Array.from({ length: 20 }, (_, i) => write('a', 0, `${1000 + i}`, i % 3 === 0))]
      const inputs = await succeed(...ops)
      expect(inputs.map((input) => input.id)).toEqual(ops.map((op) => op.id))
      expect(textOf('a')).toBe('1019')
    })

    it('keeps the order of a rename with what concerns either name', async () => {
      await succeed(create('old', 1), create('new', 3), write('new', 0, 'new'), rename('new', 'old'), create('new', 1))
      expect(textOf('old')).toBe('new')
      expect(textOf('new')).toBe('\0')
    })

    it('replaces the target of a rename', async () => {
      await succeed(create('a', 3), write('a', 0, 'one'), create('b', 5), write('b', 0, 'two'), rename('a', 'b'))
      expect(disk.reader().list()).toEqual(['b'])
      expect(textOf('b')).toBe('one')
    })

    it('writes to a renamed file under its new name', async () => {
      await succeed(create('a', 3), write('a', 0, 'one'), rename('a', 'b'), write('b', 0, 'two'))
      expect(textOf('b')).toBe('two')
    })

    it('removes a file, and one that is not there', async () => {
      await succeed(create('a', 1), remove('a'), remove('never'))
      expect(disk.reader().list()).toEqual([])
    })

    it('creates a file anew after it was removed', async () => {
      await succeed(create('a', 4), write('a', 0, 'gone'), remove('a'), create('a', 2), write('a', 0, 'ok'))
      expect(textOf('a')).toBe('ok')
    })

    it('answers a write to no file with an error', async () => {
      const inputs = await disk.carryOut([write('none', 0, 'x')])
      expect(inputs.map((input) => input.error?.code)).toEqual(['EOTHER'])
      expect(disk.reader().list()).toEqual([])
    })

    it('answers the rename of no file with an error', async () => {
      const inputs = await disk.carryOut([rename('none', 'a')])
      expect(inputs.map((input) => input.error?.code)).toEqual(['EOTHER'])
    })

    it('goes on after an error', async () => {
      await disk.carryOut([write('a', 0, 'x')])
      await succeed(create('a', 1), write('a', 0, 'y'))
      expect(textOf('a')).toBe('y')
    })

    it('keeps what was synced, created and renamed when the power goes', async () => {
      await succeed(create('a', 8), write('a', 0, 'early', false), write('a', 5, 'end', true))
      await succeed(create('b', 2), create('c', 4), rename('b', 'd'))
      disk.losePower()
      expect(textOf('a')).toBe('earlyend')
      expect(disk.reader().list()).toEqual(['a', 'c', 'd'])
    })
  })
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0))
}
