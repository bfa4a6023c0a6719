import { expect } from 'vitest'
import type { Index, ServerId, ServerName, Term } from '../wire/ids.ts'
import { payloadsOf, type Run, runBytes } from '../wire/run.ts'
import type { DiskInput, DiskOp, DiskReader } from './disk.ts'
import type { StorageOptions } from './options.ts'
import type { Recovered } from './stable-storage.ts'
import { Storage } from './storage.ts'

/**
 * A folder in memory for tests of storage: operations take effect at once, and its files can be looked at and spoiled.
 */
export class TestFolder {
  readonly files: Map<string, Uint8Array>
  /** Set to make the next operation that it takes fail. */
  fault: ((op: DiskOp) => DiskInput['error']) | undefined

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]))
  }

  copy(): TestFolder {
    return new TestFolder(this.files)
  }

  file(name: string): Uint8Array {
    return this.files.get(name) ?? new Uint8Array(0)
  }

  apply(op: DiskOp): DiskInput {
    const error = this.fault?.(op)
    if (error === undefined) this.#carryOut(op)
    return { kind: 'disk-done', id: op.id, error }
  }

  reader(): DiskReader {
    return {
      list: () => [...this.files.keys()].sort(),
      size: (file) => this.file(file).length,
      read: (file, offset, length) => {
        const bytes = new Uint8Array(length)
        bytes.set(this.file(file).subarray(offset, offset + length))
        return bytes
      },
    }
  }

  #carryOut(op: DiskOp): void {
    if (op.op === 'create') this.files.set(op.file, new Uint8Array(op.bytes))
    else if (op.op === 'remove') this.files.delete(op.file)
    else if (op.op === 'rename') {
      this.files.set(op.to, this.file(op.file))
      this.files.delete(op.file)
    } else {
      const old = this.file(op.file)
      const bytes = new Uint8Array(Math.max(old.length, op.offset + op.bytes.length))
      bytes.set(old)
      bytes.set(op.bytes, op.offset)
      this.files.set(op.file, bytes)
    }
  }
}

export const testServer = 'a#0000000000000001' as ServerId
export const testOptions: StorageOptions = {
  name: 'a' as ServerName,
  group: undefined,
  blockBytes: 512,
  segmentBytes: 8192,
  flushBytesMax: 2048,
  sealMs: 100,
}

/** One life of a storage on a test folder. */
export class TestLife {
  readonly folder: TestFolder
  readonly storage: Storage
  readonly recovered: Recovered
  nowMs = 0

  constructor(folder: TestFolder, options: StorageOptions = testOptions) {
    this.folder = folder
    const opened = Storage.open(folder.reader(), options, testServer)
    if ('refused' in opened) throw new Error(opened.text)
    this.storage = opened.storage
    this.recovered = opened.recovered
  }

  /** Opens and makes durable what was recovered. */
  static begin(folder: TestFolder = new TestFolder(), options: StorageOptions = testOptions): TestLife {
    const life = new TestLife(folder, options)
    life.settle()
    return life
  }

  /** A life in a new folder that has reached a term, as every server with a log has. */
  static inTerm(term: Term): TestLife {
    const life = TestLife.begin()
    life.storage.saveHardState(term, undefined)
    life.flush()
    return life
  }

  /** Carries out what is asked for until nothing is. */
  settle(): readonly DiskOp[] {
    const carriedOut: DiskOp[] = []
    for (let ops = this.storage.takeOps(); ops.length > 0; ops = this.storage.takeOps()) {
      for (const op of ops) {
        this.storage.done(this.folder.apply(op), this.nowMs)
        this.storage.checkInvariants()
        carriedOut.push(op)
      }
    }
    return carriedOut
  }

  /** Turns until everything accepted is durable. */
  flush(): readonly DiskOp[] {
    const carriedOut: DiskOp[] = []
    while (this.storage.failure === undefined && this.storage.durable < this.storage.written) {
      this.storage.turn(this.nowMs)
      carriedOut.push(...this.settle())
    }
    return carriedOut
  }

  /** Lets the time of the seal come. */
  seal(): void {
    this.nowMs = this.storage.nextDeadline() ?? this.nowMs
    this.storage.turn(this.nowMs)
    this.settle()
  }

  append(firstIndex: Index, term: Term, ...payloads: readonly string[]): void {
    this.storage.append(runOf(firstIndex, term, ...payloads))
    this.flush()
  }

  takeSnapshot(index: Index, term: Term, ...chunks: readonly string[]): void {
    this.storage.beginSnapshot(index, term)
    for (const chunk of chunks) this.storage.snapshotChunk(bytesOf(chunk))
    this.storage.endSnapshot()
    this.settle()
  }
}

export function runOf(firstIndex: Index, term: Term, ...payloads: readonly string[]): Run {
  const bytes = runBytes(payloads.map(bytesOf))
  return { kind: 'data', firstIndex, term, stampMs: 1000 + firstIndex, count: payloads.length, bytes }
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (unit) => unit.charCodeAt(0))
}

export function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}

/** The entries of a recovered log as `index:term:payload`, checked to be without a gap. */
export function entriesOf(recovered: Recovered): string[] {
  const entries: string[] = []
  let next = recovered.baseIndex + 1
  for (const run of recovered.runs) {
    for (const [index, payload] of payloadsOf(run)) {
      expect(index).toBe(next++)
      entries.push(`${index}:${run.term}:${textOf(payload)}`)
    }
  }
  return entries
}
