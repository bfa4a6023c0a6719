import { ByteReader, ByteWriter, getU32, Malformed } from '../lib/bytes.ts'
import { crc32c } from '../lib/crc32c.ts'
import { type GroupId, isGroupId, isServerId, type ServerId } from '../wire/ids.ts'
import type { DiskReader } from './disk.ts'
import type { DiskQueue } from './disk-queue.ts'
import { identityFile, identityTemp } from './files.ts'
import { storageVersion } from './wal-format.ts'

export interface Identity {
  readonly server: ServerId
  readonly group: GroupId | undefined
}

/**
 * Two copies, far enough apart that one bad block leaves one of them: without its identity a server can't come back.
 */
const copyBytes = 4096
const usedBytes = 256
const magic = 0x44494343

export function encodeIdentity(identity: Identity): Uint8Array {
  const writer = new ByteWriter(usedBytes)
  writer.u32(magic)
  writer.u32(storageVersion)
  writer.text(identity.server)
  writer.text(identity.group ?? '')
  writer.raw(new Uint8Array(usedBytes - 4 - writer.length))
  writer.u32(crc32c(writer.view()))
  const bytes = new Uint8Array(copyBytes + usedBytes)
  bytes.set(writer.view(), 0)
  bytes.set(writer.view(), copyBytes)
  return bytes
}

/**
 * What the folder's identity file says: `newer` when a later format wrote it, `undefined` when neither copy can be
 * read.
 */
export function readIdentity(reader: DiskReader): Identity | 'newer' | undefined {
  const bytes = reader.read(identityFile, 0, copyBytes + usedBytes)
  return decodeCopy(bytes, 0) ?? decodeCopy(bytes, copyBytes)
}

function decodeCopy(bytes: Uint8Array, at: number): Identity | 'newer' | undefined {
  const crcAt = at + usedBytes - 4
  if (getU32(bytes, at) !== magic || getU32(bytes, crcAt) !== crc32c(bytes, at, crcAt)) return undefined
  if (getU32(bytes, at + 4) > storageVersion) return 'newer'
  try {
    const reader = new ByteReader(bytes, at + 8, crcAt)
    const server = reader.text()
    const group = reader.text()
    if (!isServerId(server) || (group !== '' && !isGroupId(group))) return undefined
    return { server, group: group === '' ? undefined : (group as GroupId) }
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

/** Replaces the identity file as a whole: beside it first, then by renaming. */
export class IdentityWriter {
  readonly #ops: DiskQueue
  #step: { readonly id: number; readonly name: 'writing' | 'renaming' } | undefined

  constructor(ops: DiskQueue) {
    this.#ops = ops
  }

  get busy(): boolean {
    return this.#step !== undefined
  }

  write(identity: Identity): void {
    this.#ops.start({ op: 'create', file: identityTemp, bytes: 0 })
    const bytes = encodeIdentity(identity)
    const id = this.#ops.start({ op: 'write', file: identityTemp, offset: 0, bytes, sync: true })
    this.#step = { id, name: 'writing' }
  }

  /** Takes a completion; true when the identity became durable by it. */
  done(id: number): boolean {
    if (id !== this.#step?.id) return false
    if (this.#step.name === 'renaming') {
      this.#step = undefined
      return true
    }
    const rename = this.#ops.start({ op: 'rename', file: identityTemp, to: identityFile })
    this.#step = { id: rename, name: 'renaming' }
    return false
  }
}
