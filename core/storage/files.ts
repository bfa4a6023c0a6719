import type { Index } from '../wire/ids.ts'

/** The names of a server's files. Whatever else lies in the folder is not ours and is never touched. */

export const identityFile = 'identity'
export const identityTemp = 'identity.tmp'
export const snapshotTemp = 'snapshot.tmp'

const segmentPattern = /^wal-(\d{10})$/
const snapshotPattern = /^snapshot-(\d{16})$/

export function segmentFile(segment: number): string {
  return `wal-${String(segment).padStart(10, '0')}`
}

export function snapshotFile(index: Index): string {
  return `snapshot-${String(index).padStart(16, '0')}`
}

/** The numbers of the segments among `files`, ascending. */
export function segmentsIn(files: readonly string[]): number[] {
  return numbersIn(files, segmentPattern)
}

/** The indexes of the snapshots among `files`, ascending. */
export function snapshotsIn(files: readonly string[]): Index[] {
  return numbersIn(files, snapshotPattern)
}

function numbersIn(files: readonly string[], pattern: RegExp): number[] {
  const numbers: number[] = []
  for (const file of files) {
    const match = pattern.exec(file)
    if (match !== null) numbers.push(Number(match[1]))
  }
  return numbers.sort((a, b) => a - b)
}
