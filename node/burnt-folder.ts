import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { identityFile, identityTemp, segmentsIn, snapshotsIn, snapshotTemp } from '../core/storage/files.ts'

/**
 * A folder whose server's identity must not be used again (R4). Its files are set aside, not deleted: they may be of
 * use to an operator.
 * Invariant: the marker is durable before any file is moved and goes when the last one is, so a crash in between
 * changes nothing; files are moved only by whoever has locked the folder.
 */

const marker = 'burnt'

/** Makes it known to every later start. `owner` says whose folder it is. */
export function markBurnt(folder: string, owner: string): void {
  const handle = openSync(join(folder, marker), 'w', 0o600)
  try {
    writeSync(handle, `${randomBytes(4).toString('hex')} ${owner}\n`)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  syncFolder(folder)
}

/**
 * Moves the files of a burnt identity away, and removes those of one before it. Returns where they are now, if it was
 * burnt.
 */
export function setAsideBurnt(folder: string, owner: string): string | undefined {
  if (!readdirSync(folder).includes(marker)) return undefined
  const [label, markedFor] = readMarker(folder)
  // A marker that was cut short was written by a process that died while it burnt its own folder.
  if (markedFor !== undefined && markedFor !== owner)
    throw new Error(`the folder belongs to ${markedFor}, not to ${owner}`)
  const aside = `${marker}-${label}`
  moveFiles(folder, aside)
  rmSync(join(folder, marker))
  syncFolder(folder)
  return join(folder, aside)
}

function readMarker(folder: string): readonly [label: string, owner: string | undefined] {
  const [, label, owner] = /^([0-9a-f]{8}) (.*)\n$/.exec(readFileSync(join(folder, marker), 'utf8')) ?? []
  return [label ?? 'unmarked', owner]
}

function moveFiles(folder: string, aside: string): void {
  mkdirSync(join(folder, aside), { recursive: true, mode: 0o700 })
  for (const file of readdirSync(folder)) {
    if (isOurs(file)) renameSync(join(folder, file), join(folder, aside, file))
    else if (file.startsWith(`${marker}-`) && file !== aside) rmSync(join(folder, file), { recursive: true })
  }
  syncFolder(join(folder, aside))
  syncFolder(folder)
}

function isOurs(file: string): boolean {
  if (file === identityFile || file === identityTemp || file === snapshotTemp) return true
  return segmentsIn([file]).length > 0 || snapshotsIn([file]).length > 0
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
