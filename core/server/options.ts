import { assert } from '../lib/assert.ts'
import { hex } from '../lib/bytes.ts'
import { sha256 } from '../lib/sha256.ts'
import { utf8Length, utf8Write } from '../lib/utf8.ts'
import type { Millis } from '../machine.ts'
import type { StateLimits } from '../state/limits.ts'
import type { DiskReader } from '../storage/disk.ts'
import { frameBytesMax } from '../wire/framer.ts'
import type { GroupId, ServerName } from '../wire/ids.ts'

export interface ServerOptions {
  readonly name: ServerName
  /** Where each server is dialled: `host:port` by name. The names are also who may become a voter (R5). */
  readonly servers: ReadonlyMap<ServerName, string>
  readonly durability: 'fsync' | 'memory'
  readonly timing: ServerTiming
  readonly limits: ServerLimits
  /** Limits of the replicated state that differ from the default; the same on every server of a group. */
  readonly state?: Partial<StateLimits> | undefined
}

/** All in milliseconds. */
export interface ServerTiming {
  readonly electionMsMin: Millis
  readonly heartbeatMs: Millis
  readonly rankMs: Millis
  readonly rushMs: Millis
  readonly helloMs: Millis
  readonly redialMsMin: Millis
  readonly redialMsMax: Millis
  /** A history's first entry is written no earlier than this after the process started (R5). */
  readonly foundingMs: Millis
  /** A client that was silent for this long is expired (R7). */
  readonly clientTimeoutMs: Millis
  readonly snapshotResendMs: Millis
  readonly snapshotGiveUpMs: Millis
  readonly shutdownMs: Millis
  /** A client or an administrator that says nothing for this long is hung up on; clients say something every second. */
  readonly idleMs: Millis
  readonly sealMs: Millis
}

export const defaultTiming: ServerTiming = {
  electionMsMin: 1000,
  heartbeatMs: 100,
  rankMs: 25,
  rushMs: 500,
  helloMs: 250,
  redialMsMin: 25,
  redialMsMax: 1000,
  foundingMs: 1600,
  clientTimeoutMs: 5000,
  snapshotResendMs: 500,
  snapshotGiveUpMs: 5000,
  shutdownMs: 3000,
  idleMs: 15_000,
  sealMs: 100,
}

/** Every bound of a server in one place (S8). */
export interface ServerLimits {
  readonly votersMax: number
  readonly inflightMessagesMax: number
  readonly inflightBytesMax: number
  readonly appendBytesMax: number
  readonly uncommittedBytesMax: number
  /** A request, with the head of the append around it and what else an append takes, must fit a frame. */
  readonly requestBytesMax: number
  /** Entries handed to the state in one turn: what a long catch-up does at a time. */
  readonly applyEntriesMax: number
  /** A snapshot is due when so many entries, or bytes, were applied since the last. */
  readonly snapshotEntries: number
  readonly snapshotBytes: number
  /** Entries, and bytes of them, kept behind a snapshot for members that lag a little: whatever is reached first. */
  readonly trailingEntries: number
  readonly trailingBytes: number
  /** Entries that one turn drops from a log that is being compacted. */
  readonly compactEntriesMax: number
  readonly snapshotChunkBytes: number
  readonly snapshotChunksInflight: number
  /** The state hash is compared at every index that this divides (R9). */
  readonly checkpointEntries: number
  readonly creditsPerClient: number
  readonly readsPerClient: number
  readonly readsMax: number
  /** Clients and administrators that are let in. Servers find room whoever else is here. */
  readonly linksMax: number
  /** Connections that have not said hello yet, whoever they are. */
  readonly greetingsMax: number
  /** Connections of one purpose from one server's name: more than one only while its incarnations follow each other. */
  readonly linksPerServerMax: number
  readonly expiriesPerEntry: number
  readonly blockBytes: number
  readonly segmentBytes: number
  readonly flushBytesMax: number
}

export const defaultLimits: ServerLimits = {
  votersMax: 5,
  inflightMessagesMax: 8,
  inflightBytesMax: 4 * 1024 * 1024,
  appendBytesMax: 256 * 1024,
  uncommittedBytesMax: 16 * 1024 * 1024,
  requestBytesMax: 3 * 1024 * 1024,
  applyEntriesMax: 4096,
  snapshotEntries: 1_000_000,
  snapshotBytes: 64 * 1024 * 1024,
  trailingEntries: 100_000,
  trailingBytes: 64 * 1024 * 1024,
  compactEntriesMax: 65_536,
  snapshotChunkBytes: 256 * 1024,
  snapshotChunksInflight: 4,
  checkpointEntries: 1024,
  creditsPerClient: 1024,
  readsPerClient: 1024,
  readsMax: 65_536,
  linksMax: 12_000,
  greetingsMax: 2048,
  linksPerServerMax: 4,
  expiriesPerEntry: 100,
  blockBytes: 4096,
  segmentBytes: 16 * 1024 * 1024,
  flushBytesMax: 8 * 1024 * 1024,
}
assert(defaultLimits.appendBytesMax <= defaultLimits.inflightBytesMax, 'one append fills the window')
assert(defaultLimits.requestBytesMax + defaultLimits.appendBytesMax < frameBytesMax, 'an append does not fit a frame')
assert(defaultLimits.requestBytesMax <= defaultLimits.uncommittedBytesMax, 'a request would be BUSY for ever')
assert(defaultTiming.heartbeatMs * 4 <= defaultTiming.electionMsMin, 'heartbeats are too rare for the election timeout')

/** What a server is given once, at its start. */
export interface ServerBoot {
  /** At least 64 bytes from the operating system: incarnation, history and the seed of jitter. */
  readonly entropy: Uint8Array
  /** The wall clock, in milliseconds since 1970; it only dates a new history (R8). */
  readonly wallMs: number
  /** The folder's content; undefined in memory mode. */
  readonly disk: DiskReader | undefined
  /** False when nobody can reach this process: it then founds at once. */
  readonly listens: boolean
}

/** The text whose hash names the group: one `name=address` a line, sorted. */
export function canonicalServers(servers: ReadonlyMap<ServerName, string>): string {
  const lines = [...servers].map(([name, address]) => `${name}=${address}`)
  return lines.sort((a, b) => (a < b ? -1 : 1)).join('\n')
}

export function groupIdOf(servers: ReadonlyMap<ServerName, string>): GroupId {
  const text = canonicalServers(servers)
  const bytes = new Uint8Array(utf8Length(text))
  utf8Write(text, bytes, 0)
  return hex(sha256(bytes).subarray(0, 16)) as GroupId
}
