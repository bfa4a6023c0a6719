import { type GroupId, type Index, nameOf, type ServerId } from '../wire/ids.ts'
import type { DiskReader } from './disk.ts'
import { identityFile, identityTemp, segmentsIn, snapshotFile, snapshotsIn, snapshotTemp } from './files.ts'
import { type Identity, readIdentity } from './identity.ts'
import type { StorageOptions } from './options.ts'
import { type SegmentsFound, sortSegments } from './segments-found.ts'
import { readSnapshot } from './snapshot-file.ts'
import type { Damage, HardState, Recovered, RecoveredSnapshot } from './stable-storage.ts'
import type { WalStart } from './wal.ts'
import type { WalRecord } from './wal-format.ts'
import { type FoundLog, findLog } from './wal-log.ts'
import { type FoundFlush, scanWal } from './wal-scan.ts'

/**
 * Why a folder is left alone. `BURNT`: it belongs to this server, but what the server promised can't be read; it must
 * come back as another.
 */
export type FolderRefusal = 'OTHER_SERVER' | 'OTHER_GROUP' | 'NEWER_FORMAT' | 'DAMAGED_IDENTITY' | 'BURNT'

export interface RefusedFolder {
  readonly refused: FolderRefusal
  readonly text: string
}

/** Everything that the next life of a server starts from. */
export interface Recovery {
  readonly recovered: Recovered
  /** The folder was empty: the identity must be written before anything else. */
  readonly fresh: boolean
  readonly wal: WalStart
  readonly opening: readonly WalRecord[]
  readonly damagedUpTo: Index
  /** The snapshot files present, sound or not. */
  readonly snapshots: readonly Index[]
  readonly segments: SegmentsFound
  /** Files that nothing needs any more, to be removed once the opening flush is durable. */
  readonly temps: readonly string[]
}

/** Reads a folder and decides what it says. Changes nothing. */
export function recover(reader: DiskReader, options: StorageOptions, fresh: ServerId): Recovery | RefusedFolder {
  const files = reader.list()
  const identity = identityIn(reader, files, options, fresh)
  if ('refused' in identity) return identity
  const scan = scanWal(reader, identity.server, options.blockBytes)
  const snapshot = newestSnapshot(reader, snapshotsIn(files))
  if (scan.newer || snapshot === 'newer') return refuseNewer()
  const base = { index: snapshot?.index ?? 0, term: snapshot?.term ?? 0 }
  const hard = hardStateOf(scan.flushes)
  if ((scan.flushes.length === 0 && identity.group !== undefined) || hard.term < base.term) {
    return { refused: 'BURNT', text: `the folder of ${identity.server} has lost the server's votes` }
  }
  const log = findLog(scan.flushes, base.index, base.term, options.flushBytesMax)
  const damage = damageOf(log, snapshotsIn(files).at(-1) ?? 0)
  const segments = sortSegments(scan, log, damage !== undefined)
  return {
    recovered: {
      identity,
      empty: log.last === 0 && snapshot === undefined && damage === undefined,
      ...hard,
      snapshot,
      baseIndex: base.index,
      baseTerm: base.term,
      runs: log.runs,
      commit: log.commit,
      torn: log.torn || scan.junkBehind,
      damage,
    },
    fresh: !files.includes(identityFile),
    wal: {
      server: identity.server,
      segment: scan.segments.at(-1) ?? 0,
      sequence: scan.flushes.at(-1)?.header.sequence ?? 0,
      previous: log.opening.previous,
      previousFirst: log.opening.previousFirst,
      lastIndex: log.last,
      segments: segments.needed,
    },
    opening: log.opening.records,
    damagedUpTo: damage?.upTo ?? 0,
    snapshots: snapshotsIn(files),
    segments,
    temps: [identityTemp, snapshotTemp].filter((file) => files.includes(file)),
  }
}

function identityIn(
  reader: DiskReader,
  files: readonly string[],
  options: StorageOptions,
  fresh: ServerId,
): Identity | RefusedFolder {
  if (!files.includes(identityFile)) {
    if (segmentsIn(files).length === 0 && snapshotsIn(files).length === 0) return { server: fresh, group: undefined }
    return { refused: 'DAMAGED_IDENTITY', text: 'the folder holds a log or snapshots, but no identity file' }
  }
  const found = readIdentity(reader)
  if (found === undefined) {
    return { refused: 'DAMAGED_IDENTITY', text: 'the identity file of the folder is damaged' }
  }
  if (found === 'newer') return refuseNewer()
  if (nameOf(found.server) !== options.name) {
    return {
      refused: 'OTHER_SERVER',
      text: `the folder belongs to server ${nameOf(found.server)}, but this is server ${options.name}`,
    }
  }
  return refuseGroup(found, options.group) ?? found
}

function refuseGroup(found: Identity, expected: GroupId | undefined): RefusedFolder | undefined {
  if (found.group === undefined || expected === undefined || found.group === expected) return undefined
  return {
    refused: 'OTHER_GROUP',
    text: `the folder belongs to group ${found.group}, but this server belongs to group ${expected}`,
  }
}

function refuseNewer(): RefusedFolder {
  return { refused: 'NEWER_FORMAT', text: 'the folder was written by a newer version, in a format unknown to this one' }
}

function newestSnapshot(reader: DiskReader, indexes: readonly Index[]): RecoveredSnapshot | 'newer' | undefined {
  for (const index of indexes.toReversed()) {
    const snapshot = readSnapshot(reader, snapshotFile(index))
    if (snapshot === 'newer') return 'newer'
    if (snapshot?.index === index) return snapshot
  }
  return undefined
}

/**
 * From the newest header of all, even if its payload is torn: it was never answered for, but repeating a promise harms
 * nobody, and this way a bad block in the payload can't take back a vote.
 */
function hardStateOf(flushes: readonly FoundFlush[]): HardState {
  const header = flushes.at(-1)?.header
  return { term: header?.term ?? 0, votedFor: header?.votedFor }
}

function damageOf(log: FoundLog, snapshotNamed: Index): Damage | undefined {
  const upTo = Math.max(log.damagedUpTo, snapshotNamed > log.last ? snapshotNamed : 0)
  return upTo === 0 ? undefined : { from: log.last + 1, upTo }
}
