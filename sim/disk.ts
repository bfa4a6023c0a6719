import { assert, must, unreachable } from '../core/lib/assert.ts'
import type { DiskErrorCode, DiskInput, DiskOp, DiskReader } from '../core/storage/disk.ts'
import { type LossCounts, SimFile } from './disk-file.ts'
import type { Dice } from './prng.ts'

export interface SimDiskSettings {
  /** What is written or lost as a whole. Divides the block size of the storage above. */
  readonly sectorBytes: number
  readonly capacityBytes: number
  /**
   * A write into the page cache takes from `writeUsMin` to `writeUsMax`; whatever waits for the platter from
   * `syncUsMin` to `syncUsMax`.
   */
  readonly writeUsMin: number
  readonly writeUsMax: number
  readonly syncUsMin: number
  readonly syncUsMax: number
  readonly bytesPerUs: number
}

export const simDiskDefaults: SimDiskSettings = {
  sectorBytes: 512,
  capacityBytes: 2 ** 30,
  writeUsMin: 2,
  writeUsMax: 20,
  syncUsMin: 60,
  syncUsMax: 400,
  bytesPerUs: 200,
}

/** Faults that were in fact injected. */
export interface SimDiskCounts extends LossCounts {
  rotted: number
  fsyncFailed: number
  noSpace: number
  /** Removed files that came back, because the folder was not synced before the power went. */
  resurrected: number
}

type DiskError = NonNullable<DiskInput['error']>

interface Pending {
  readonly op: DiskOp
  readonly dueUs: number
}

/**
 * The disk of one simulated server. Its owner starts an operation, waits for the latency told, and completes it; only
 * then it has effect. Two ends: `processCrash` keeps the page cache, `powerLoss` keeps what was synced and perhaps some
 * of the rest. After either, what was started and not completed must not be completed any more.
 * Not here: time, which the owner passes in.
 */
export class SimDisk {
  readonly counts: SimDiskCounts = {
    lost: 0,
    torn: 0,
    reordered: 0,
    rotted: 0,
    fsyncFailed: 0,
    noSpace: 0,
    resurrected: 0,
  }
  /** Multiplies every latency: 1 for a healthy disk. */
  slowness = 1
  capacityBytes: number
  readonly #dice: Dice
  readonly #settings: SimDiskSettings
  readonly #files = new Map<string, SimFile>()
  /** Removed since the folder was synced. */
  readonly #removed = new Map<string, SimFile>()
  #pending: Pending[] = []
  #syncFails = false
  #syncs = 0

  constructor(dice: Dice, settings: SimDiskSettings = simDiskDefaults) {
    this.#dice = dice
    this.#settings = settings
    this.capacityBytes = settings.capacityBytes
  }

  /** Draws how long the operation takes by itself. */
  latencyUs(op: DiskOp): number {
    const { writeUsMin, writeUsMax, syncUsMin, syncUsMax, bytesPerUs } = this.#settings
    const bytes = op.op === 'write' ? op.bytes.length : op.op === 'create' ? op.bytes : 0
    const cached = op.op === 'write' && !op.sync
    const base = cached
      ? this.#dice.intInclusive(writeUsMin, writeUsMax)
      : this.#dice.intInclusive(syncUsMin, syncUsMax)
    return Math.ceil((base + bytes / bytesPerUs) * this.slowness)
  }

  /**
   * Takes an operation; tells after how many microseconds it is to be completed: never before an earlier one on the
   * same file.
   */
  start(op: DiskOp, nowUs: number): number {
    let dueUs = nowUs + this.latencyUs(op)
    for (const earlier of this.#pending) if (shareFile(earlier.op, op)) dueUs = Math.max(dueUs, earlier.dueUs)
    this.#pending.push({ op, dueUs })
    return dueUs - nowUs
  }

  /** Carries out what was started. */
  complete(op: DiskOp): DiskError | undefined {
    const at = this.#pending.findIndex((pending) => pending.op === op)
    assert(at >= 0, 'an operation is completed that is not under way')
    for (let i = 0; i < at; i++)
      assert(!shareFile(must(this.#pending[i], 'it is under way').op, op), 'operations on one file overtake')
    this.#pending.splice(at, 1)
    return this.#carryOut(op)
  }

  reader(): DiskReader {
    return {
      list: () => [...this.#files.keys()].sort(),
      size: (file) => this.#files.get(file)?.size ?? 0,
      read: (file, offset, length) => this.#files.get(file)?.read(offset, length) ?? new Uint8Array(length),
    }
  }

  /** The process dies and the machine lives on: of what was under way, some was done, some not. */
  processCrash(): void {
    const stopped = new Set<string>()
    for (const { op } of this.#pending) {
      const files = filesOf(op)
      if (files.some((file) => stopped.has(file)) || this.#dice.chance(1, 2))
        for (const file of files) stopped.add(file)
      else this.#carryOutInPart(op)
    }
    this.#pending = []
    this.#syncFails = false
  }

  powerLoss(): void {
    this.processCrash()
    for (const file of [...this.#files.keys()].sort()) {
      must(this.#files.get(file), 'a listed file').losePower(this.#dice, this.#settings.sectorBytes, this.counts)
    }
    for (const [name, file] of this.#removed) {
      if (this.#files.has(name) || !this.#dice.chance(1, 2)) continue
      file.losePower(this.#dice, this.#settings.sectorBytes, this.counts)
      this.#files.set(name, file)
      this.counts.resurrected++
    }
    this.#removed.clear()
  }

  /** All is gone, as on a new disk. */
  wipe(): void {
    this.#files.clear()
    this.#removed.clear()
    this.#pending = []
    this.#syncFails = false
  }

  /**
   * The next write that syncs fails with `EIO`. Its pages may then be dropped, and later syncs succeed: an error is
   * told once.
   */
  failNextSync(): void {
    this.#syncFails = true
  }

  /** Ends all that lasts: the disk is as fast and as large as it was, and syncs do not fail. */
  mend(capacityBytes: number): void {
    this.slowness = 1
    this.capacityBytes = capacityBytes
    this.#syncFails = false
  }

  /** Flips one bit, on the platter and as read from now on. */
  rot(file: string, offset: number, bit: number): void {
    must(this.#files.get(file), 'no such file').flip(offset, bit)
    this.counts.rotted++
  }

  /**
   * Flips a random bit of what was written to the files that `accept` takes. Tells where, `undefined` when nothing was
   * written, or when the bit is one that was spared: what the latest sync among the files that `spares` takes stored.
   */
  rotAnywhere(
    accept: (file: string) => boolean = () => true,
    spares: (file: string) => boolean = () => false,
  ): { readonly file: string; readonly offset: number; readonly bit: number } | undefined {
    const written = [...this.#files.keys()]
      .sort()
      .filter((file) => accept(file) && (this.#files.get(file)?.writtenUpTo ?? 0) > 0)
    if (written.length === 0) return undefined
    const file = this.#dice.pick(written)
    const offset = this.#dice.intInclusive(0, (this.#files.get(file)?.writtenUpTo ?? 1) - 1)
    const bit = this.#dice.intInclusive(0, 7)
    if (spares(file) && this.#isOfNewestSync(file, offset, spares)) return undefined
    this.rot(file, offset, bit)
    return { file, offset, bit }
  }

  #isOfNewestSync(name: string, offset: number, among: (file: string) => boolean): boolean {
    const mine = this.#files.get(name)?.lastSync
    if (mine === undefined || offset < mine.from || offset >= mine.until) return false
    for (const [other, { lastSync }] of this.#files)
      if (among(other) && lastSync !== undefined && lastSync.order > mine.order) return false
    return true
  }

  #carryOut(op: DiskOp): DiskError | undefined {
    switch (op.op) {
      case 'create':
        return this.#create(op.file, op.bytes)
      case 'write':
        return this.#write(op.file, op.offset, op.bytes) ?? (op.sync ? this.#sync(op.file) : undefined)
      case 'rename':
        return this.#rename(op.file, op.to)
      case 'remove':
        this.#remove(op.file)
        return undefined
      default:
        return unreachable(op)
    }
  }

  /**
   * What a crash leaves of an operation that the kernel had begun. A write may be cut anywhere; the sync behind it may
   * not have come.
   */
  #carryOutInPart(op: DiskOp): void {
    if (op.op === 'create') this.#create(op.file, this.#dice.intInclusive(0, op.bytes))
    else if (op.op !== 'write' || this.#dice.chance(1, 4)) this.#carryOut(op)
    else {
      const cut = this.#dice.chance(1, 2) ? op.bytes.length : this.#dice.intInclusive(0, op.bytes.length)
      this.#write(op.file, op.offset, op.bytes.subarray(0, cut))
    }
  }

  #create(file: string, bytes: number): DiskError | undefined {
    if (bytes > this.#freeBytes() + (this.#files.get(file)?.size ?? 0)) return this.#noSpace()
    this.#files.set(file, new SimFile(bytes))
    this.#removed.clear()
    return undefined
  }

  #write(name: string, offset: number, bytes: Uint8Array): DiskError | undefined {
    const file = this.#files.get(name)
    if (file === undefined) return noSuchFile(name)
    if (offset + bytes.length - file.size > this.#freeBytes()) return this.#noSpace()
    file.write(offset, bytes)
    return undefined
  }

  #sync(name: string): DiskError | undefined {
    const file = must(this.#files.get(name), 'a file that was written to')
    if (!this.#syncFails) {
      file.sync(++this.#syncs)
      return undefined
    }
    this.#syncFails = false
    this.counts.fsyncFailed++
    if (this.#dice.chance(1, 2)) file.dropPages()
    return diskError('EIO', `sync of ${name} failed`)
  }

  #rename(name: string, to: string): DiskError | undefined {
    const file = this.#files.get(name)
    if (file === undefined) return noSuchFile(name)
    this.#files.delete(name)
    this.#files.set(to, file)
    this.#removed.clear()
    return undefined
  }

  #remove(name: string): void {
    const file = this.#files.get(name)
    if (file === undefined) return
    this.#files.delete(name)
    this.#removed.set(name, file)
  }

  #freeBytes(): number {
    let used = 0
    for (const file of this.#files.values()) used += file.size
    return this.capacityBytes - used
  }

  #noSpace(): DiskError {
    this.counts.noSpace++
    return diskError('ENOSPC', 'no space left on the disk')
  }
}

function diskError(code: DiskErrorCode, message: string): DiskError {
  return { code, message }
}

function noSuchFile(file: string): DiskError {
  return diskError('EOTHER', `there is no file ${file}`)
}

function filesOf(op: DiskOp): readonly string[] {
  return op.op === 'rename' ? [op.file, op.to] : [op.file]
}

function shareFile(a: DiskOp, b: DiskOp): boolean {
  return touches(a, b.file) || (b.op === 'rename' && touches(a, b.to))
}

function touches(op: DiskOp, file: string): boolean {
  return op.file === file || (op.op === 'rename' && op.to === file)
}
