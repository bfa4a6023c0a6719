import {
  close,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  fsyncSync,
  open,
  openSync,
  readdirSync,
  readSync,
  rename,
  statSync,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { DiskErrorCode, DiskInput, DiskOp, DiskReader } from '../core/storage/disk.ts'
import { makeFolder, removeFolders } from './data-folder.ts'
import { type FolderLock, lockFile, lockFolder } from './folder-lock.ts'

export type DiskDone = (input: DiskInput) => void

/** Thrown by `NodeDisk.open` when the folder can't be used. The text is for the operator. */
export class FolderUnusable extends Error {
  override readonly name = 'FolderUnusable'
}

type Finish = (error: NodeJS.ErrnoException | null) => void

interface Waiting {
  readonly op: DiskOp
  readonly done: DiskDone
  /** Operations on the same files that have to complete first. */
  blockedBy: number
  readonly blocks: Waiting[]
}

/** Zeros are written in slices, so that making a segment never holds one thread or much memory for long. */
const zeros = new Uint8Array(1024 * 1024)

/**
 * A disk of files in one folder, which no other process uses at the same time.
 * Invariant: operations on one file are carried out one after another, in the order in which they were started.
 * Not here: what the files mean.
 */
export class NodeDisk {
  readonly #folder: string
  /** Folders that were not there before. */
  readonly #made: readonly string[]
  readonly #folderHandle: number
  readonly #lock: FolderLock
  readonly #handles = new Map<string, number>()
  /** The newest operation on each file that is not complete. */
  readonly #newest = new Map<string, Waiting>()
  #underWay = 0
  #closed: (() => void) | undefined

  /** Makes the folder if need be, proves that it can be written to, and locks it. Throws `FolderUnusable`. */
  static open(folder: string): NodeDisk {
    let made: readonly string[] = []
    try {
      made = makeFolder(folder)
      proveWritable(folder)
    } catch (error) {
      removeFolders(made)
      throw new FolderUnusable(`the data folder ${folder} can't be written to: ${textOf(error)}`, { cause: error })
    }
    const lock = lockFolder(folder)
    if ('heldBy' in lock) {
      throw new FolderUnusable(`the data folder ${folder} is in use by process ${lock.heldBy}`)
    }
    return new NodeDisk(folder, made, lock)
  }

  private constructor(folder: string, made: readonly string[], lock: FolderLock) {
    this.#folder = folder
    this.#made = made
    this.#lock = lock
    this.#folderHandle = openSync(folder, constants.O_RDONLY)
  }

  start(op: DiskOp, done: DiskDone): void {
    const waiting: Waiting = { op, done, blockedBy: 0, blocks: [] }
    for (const file of filesOf(op)) {
      const before = this.#newest.get(file)
      if (before !== undefined && !before.blocks.includes(waiting)) {
        before.blocks.push(waiting)
        waiting.blockedBy++
      }
      this.#newest.set(file, waiting)
    }
    this.#underWay++
    if (waiting.blockedBy === 0) this.#carryOut(waiting)
  }

  reader(): DiskReader {
    return {
      list: () =>
        readdirSync(this.#folder)
          .filter((file) => !file.startsWith(lockFile))
          .sort(),
      size: (file) => statSync(this.#path(file), { throwIfNoEntry: false })?.size ?? 0,
      read: (file, offset, length) => readAsFarAsPossible(this.#path(file), offset, length),
    }
  }

  /** Waits for what is under way, then gives the folder free. Nothing may be started any more. */
  async close(): Promise<void> {
    if (this.#underWay > 0)
      await new Promise<void>((resolve) => {
        this.#closed = resolve
      })
    for (const handle of this.#handles.values()) closeSync(handle)
    this.#handles.clear()
    closeSync(this.#folderHandle)
    this.#lock.release()
  }

  /** Closes a disk that was not needed after all, and removes the folders that were made for it, if they are empty. */
  async abandon(): Promise<void> {
    await this.close()
    removeFolders(this.#made)
  }

  #carryOut(waiting: Waiting): void {
    const finish: Finish = (error) => this.#finish(waiting, error)
    const op = waiting.op
    if (op.op === 'create') this.#create(op.file, op.bytes, finish)
    else if (op.op === 'write') this.#write(op.file, op.offset, op.bytes, op.sync, finish)
    else if (op.op === 'rename') this.#rename(op.file, op.to, finish)
    else this.#remove(op.file, finish)
  }

  #finish(waiting: Waiting, error: NodeJS.ErrnoException | null): void {
    this.#underWay--
    for (const file of filesOf(waiting.op)) if (this.#newest.get(file) === waiting) this.#newest.delete(file)
    waiting.done({ kind: 'disk-done', id: waiting.op.id, error: error === null ? undefined : diskError(error) })
    for (const next of waiting.blocks) if (--next.blockedBy === 0) this.#carryOut(next)
    if (this.#underWay === 0) this.#closed?.()
  }

  #create(file: string, bytes: number, finish: Finish): void {
    this.#forget(file)
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC
    open(this.#path(file), flags, 0o600, (error, handle) => {
      if (error !== null) return finish(error)
      this.#handles.set(file, handle)
      fillWithZeros(handle, 0, bytes, (error) => {
        if (error !== null) return finish(error)
        fsync(handle, (error) => (error === null ? fsync(this.#folderHandle, finish) : finish(error)))
      })
    })
  }

  #write(file: string, offset: number, bytes: Uint8Array, sync: boolean, finish: Finish): void {
    this.#handleOf(file, (error, handle) => {
      if (error !== null) return finish(error)
      writeAll(handle, bytes, offset, (error) => {
        if (error !== null || !sync) return finish(error)
        fdatasync(handle, finish)
      })
    })
  }

  #rename(file: string, to: string, finish: Finish): void {
    this.#forget(file)
    this.#forget(to)
    rename(this.#path(file), this.#path(to), (error) => {
      if (error !== null) return finish(error)
      fsync(this.#folderHandle, finish)
    })
  }

  #remove(file: string, finish: Finish): void {
    this.#forget(file)
    unlink(this.#path(file), (error) => finish(error?.code === 'ENOENT' ? null : error))
  }

  #handleOf(file: string, then: (error: NodeJS.ErrnoException | null, handle: number) => void): void {
    const known = this.#handles.get(file)
    if (known !== undefined) then(null, known)
    else {
      open(this.#path(file), constants.O_RDWR, (error, handle) => {
        if (error === null) this.#handles.set(file, handle)
        then(error, handle)
      })
    }
  }

  #forget(file: string): void {
    const handle = this.#handles.get(file)
    if (handle === undefined) return
    this.#handles.delete(file)
    close(handle, () => {})
  }

  #path(file: string): string {
    return join(this.#folder, file)
  }
}

function proveWritable(folder: string): void {
  const probe = join(folder, `${lockFile}.probe.${process.pid}`)
  const handle = openSync(probe, 'w', 0o600)
  try {
    writeSync(handle, zeros, 0, 1)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
    unlinkSync(probe)
  }
}

/** Writes all of the bytes; the kernel may take fewer at a time. */
function writeAll(handle: number, bytes: Uint8Array, offset: number, finish: Finish): void {
  write(handle, bytes, 0, bytes.length, offset, (error, taken) => {
    if (error !== null || taken === bytes.length) finish(error)
    else writeAll(handle, bytes.subarray(taken), offset + taken, finish)
  })
}

function fillWithZeros(handle: number, from: number, until: number, finish: Finish): void {
  write(handle, zeros, 0, Math.min(zeros.length, until - from), from, (error, taken) => {
    if (error !== null || from + taken >= until) finish(error)
    else fillWithZeros(handle, from + taken, until, finish)
  })
}

/**
 * Exactly `length` bytes. What can't be read comes back as zeros: recovery finds out by checksums, and says what is
 * damaged.
 */
function readAsFarAsPossible(path: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  try {
    const handle = openSync(path, constants.O_RDONLY)
    try {
      readInto(handle, bytes, offset)
    } finally {
      closeSync(handle)
    }
  } catch (error) {
    if (!isErrno(error)) throw error
  }
  return bytes
}

function readInto(handle: number, bytes: Uint8Array, offset: number): void {
  const end = Math.min(bytes.length, fstatSync(handle).size - offset)
  for (let at = 0; at < end; ) {
    const got = readSync(handle, bytes, at, end - at, offset + at)
    if (got === 0) return
    at += got
  }
}

function diskError(error: NodeJS.ErrnoException): { readonly code: DiskErrorCode; readonly message: string } {
  return { code: codeOf(error.code), message: error.message }
}

function codeOf(code: string | undefined): DiskErrorCode {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'ENOSPC'
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'EACCES'
  return code === 'EIO' ? 'EIO' : 'EOTHER'
}

function isErrno(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function filesOf(op: DiskOp): readonly string[] {
  return op.op === 'rename' ? [op.file, op.to] : [op.file]
}
