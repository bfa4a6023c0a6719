import { setTimeout as sleep } from 'node:timers/promises'
import type { DiskInput, DiskOp, DiskReader } from '../core/storage/disk.ts'
import type { DiskDone, NodeDisk } from './disk.ts'

type WriteOp = Extract<DiskOp, { readonly op: 'write' }>

/**
 * A disk for tests that loses power on command: a write reaches the file beneath only when a sync comes for that file,
 * and until then lives in this process. So the death of the process, too, loses whatever was not synced, as only a
 * power failure does otherwise.
 * Invariant: operations are carried out one after another; what is held back is in the order in which it was written.
 */
export class LossyDisk {
  readonly #disk: NodeDisk
  readonly #syncDelayMs: number
  readonly #held = new Map<string, WriteOp[]>()
  #last: Promise<void> = Promise.resolve()
  #crashed = false

  /** Whatever makes things durable takes `syncDelayMs` longer, which widens the time in which a crash loses it. */
  constructor(disk: NodeDisk, syncDelayMs = 0) {
    this.#disk = disk
    this.#syncDelayMs = syncDelayMs
  }

  start(op: DiskOp, done: DiskDone): void {
    this.#last = this.#last.then(async () => {
      const input = this.#crashed ? undefined : await this.#carryOut(op)
      if (input !== undefined && !this.#crashed) done(input)
    })
  }

  /**
   * What a process that starts now would read: the files with what is held back on top, or without it after a crash.
   */
  reader(): DiskReader {
    const beneath = this.#disk.reader()
    const heldFor = (file: string) => this.#held.get(file) ?? []
    return {
      list: () => beneath.list(),
      size: (file) =>
        heldFor(file).reduce((size, { offset, bytes }) => Math.max(size, offset + bytes.length), beneath.size(file)),
      read: (file, offset, length) => {
        const bytes = beneath.read(file, offset, length)
        for (const write of heldFor(file)) overlay(bytes, offset, write)
        return bytes
      },
    }
  }

  /** Loses everything that was not synced. Nothing is completed any more. */
  crash(): void {
    this.#crashed = true
    this.#held.clear()
  }

  /** Waits for what has reached the disk beneath. */
  async settled(): Promise<void> {
    await this.#last
  }

  async #carryOut(op: DiskOp): Promise<DiskInput | undefined> {
    if (op.op === 'write' && !op.sync && this.#disk.reader().list().includes(op.file)) return this.#hold(op)
    if (this.#syncDelayMs > 0) await sleep(this.#syncDelayMs)
    if (this.#crashed) return undefined
    const held = this.#held.get(op.file) ?? []
    this.#held.delete(op.file)
    if (op.op === 'write') for (const write of held) this.#disk.start(write, () => {})
    if (op.op === 'rename') this.#held.set(op.to, held)
    return await new Promise<DiskInput>((resolve) => this.#disk.start(op, resolve))
  }

  #hold(op: WriteOp): DiskInput {
    this.#held.set(op.file, [...(this.#held.get(op.file) ?? []), op])
    return { kind: 'disk-done', id: op.id }
  }
}

/** Lays a write over `bytes`, which were read at `offset`. */
function overlay(bytes: Uint8Array, offset: number, write: WriteOp): void {
  const from = Math.max(offset, write.offset)
  const until = Math.min(offset + bytes.length, write.offset + write.bytes.length)
  if (from < until) bytes.set(write.bytes.subarray(from - write.offset, until - write.offset), from - offset)
}
