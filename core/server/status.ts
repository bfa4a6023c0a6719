import { allMembers, isVoter } from '../consensus/members.ts'
import { nameOf } from '../wire/ids.ts'
import type { MemberStatus, Role, Status } from '../wire/message.ts'
import { protocolVersion } from '../wire/version.ts'
import type { ServerCore } from './core.ts'
import type { Formation } from './formation.ts'
import type { Membership } from './membership.ts'
import type { Peers } from './peers.ts'

/** What a server says of itself to an operator. Free of keys and values. */
export function statusOf(core: ServerCore, peers: Peers, formation: Formation, membership: Membership): Status {
  const { replica, state } = core
  return {
    server: core.id,
    role: roleOf(core, formation),
    group: core.group,
    history: core.history,
    protocol: protocolVersion,
    term: replica?.term ?? 0,
    leader: core.leaderName,
    last: replica?.log.lastIndex ?? 0,
    commit: replica?.commit ?? 0,
    applied: state.appliedIndex,
    stateHash: state.digest(),
    firstIndex: (replica?.log.baseIndex ?? 0) + 1,
    snapshot: core.storage.snapshotDurable,
    clients: state.clientCount,
    documents: state.documentCount,
    repairing: replica?.repairing ?? false,
    majorityLost: membership.majorityLost,
    members: membersOf(core, peers),
  }
}

export function roleOf(core: ServerCore, formation: Formation): Role {
  if (core.stopped) return 'stopped'
  if (formation.isMember) return core.replica?.role ?? 'follower'
  return core.replica === undefined ? 'forming' : 'joining'
}

function membersOf(core: ServerCore, peers: Peers): readonly MemberStatus[] {
  const { replica } = core
  if (replica === undefined) return []
  return allMembers(replica.members).map((server) => {
    const progress = replica.progressOf(server)
    const isSelf = server === core.id
    return {
      server,
      address: replica.members.addresses.get(server) ?? '',
      voter: isVoter(replica.members, server),
      lag: replica.role !== 'leader' ? undefined : isSelf ? 0 : replica.log.lastIndex - (progress?.match ?? 0),
      connected: isSelf || peers.isOpen(nameOf(server)),
    }
  })
}
