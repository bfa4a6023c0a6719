import { Log } from '../consensus/log.ts'
import { decodeMembers, type Members, noMembers } from '../consensus/members.ts'
import type { Damage, ReplicaStart } from '../consensus/replica-state.ts'
import { assert } from '../lib/assert.ts'
import { hex, Malformed } from '../lib/bytes.ts'
import { Prng } from '../lib/prng.ts'
import type { Millis } from '../machine.ts'
import { ReplicatedState } from '../state/replicated-state.ts'
import { MemoryStorage } from '../storage/memory-storage.ts'
import type { Recovered, RecoveredSnapshot, StableStorage } from '../storage/stable-storage.ts'
import { Storage } from '../storage/storage.ts'
import { type Incarnation, serverId } from '../wire/ids.ts'
import { ClusterClock } from './cluster-clock.ts'
import { ServerCore } from './core.ts'
import { groupIdOf, type ServerBoot, type ServerOptions } from './options.ts'

/** What a server begins its life with. */
export interface Booted {
  readonly core: ServerCore
  readonly recovered: Recovered
  readonly start: ReplicaStart
  /** For a history that this process may found, and for one that it may recover. */
  readonly historyBytes: readonly [founding: Uint8Array, recovery: Uint8Array]
}

/** The folder belongs to somebody else, or to a later version: it was not touched. */
export interface BootRefused {
  readonly refused: string
  readonly text: string
}

/** Reads what an earlier life left, and puts the parts of a server together. */
export function boot(options: ServerOptions, given: ServerBoot, now: Millis): Booted | BootRefused {
  const { entropy } = given
  assert(entropy.length >= 64, 'a server needs 64 bytes of entropy')
  const fresh = serverId(options.name, hex(entropy.subarray(0, 8)) as Incarnation)
  const opened = open(options, given, fresh)
  if ('refused' in opened) return opened
  const { storage, recovered } = opened
  const restored = restore(options, recovered.snapshot)
  const log = new Log(recovered.baseIndex, recovered.baseTerm, restored.state.clockMs, recovered.runs)
  const core = new ServerCore({
    options,
    id: recovered.identity.server,
    group: groupIdOf(options.servers),
    prng: new Prng(entropy.subarray(16, 32)),
    storage,
    clock: new ClusterClock(log.lastStampMs, now),
    startedAt: now,
    listens: given.listens,
    state: restored.state,
  })
  const start: ReplicaStart = {
    term: recovered.term,
    votedFor: recovered.votedFor,
    log,
    commit: Math.max(recovered.commit, recovered.baseIndex),
    members: restored.members,
    damage: damageOf(recovered),
  }
  return { core, recovered, start, historyBytes: [entropy.subarray(8, 16), entropy.subarray(32, 40)] }
}

function open(
  options: ServerOptions,
  given: ServerBoot,
  fresh: ReturnType<typeof serverId>,
): { readonly storage: StableStorage; readonly recovered: Recovered } | BootRefused {
  if (options.durability === 'memory' || given.disk === undefined) return MemoryStorage.open(fresh)
  const { blockBytes, segmentBytes, flushBytesMax } = options.limits
  const { sealMs } = options.timing
  const group = groupIdOf(options.servers)
  const opened = Storage.open(
    given.disk,
    { name: options.name, group, blockBytes, segmentBytes, flushBytesMax, sealMs },
    fresh,
  )
  return 'refused' in opened ? { refused: opened.refused, text: opened.text } : opened
}

function restore(
  options: ServerOptions,
  snapshot: RecoveredSnapshot | undefined,
): { readonly state: ReplicatedState; readonly members: Members } {
  if (snapshot === undefined) return { state: new ReplicatedState(options.state), members: noMembers }
  const restorer = ReplicatedState.restorer(options.state)
  let members: Members | undefined
  for (const chunk of snapshot.chunks) {
    if (members === undefined) members = decodeMembers(chunk)
    else restorer.push(chunk)
  }
  if (members === undefined) throw new Malformed(`the snapshot of ${options.name} at ${snapshot.index} is empty`)
  return { state: restorer.finish(), members }
}

function damageOf(recovered: Recovered): Damage | undefined {
  return recovered.damage === undefined ? undefined : { upTo: recovered.damage.upTo, term: recovered.term }
}
