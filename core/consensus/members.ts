import { ByteReader, ByteWriter, Malformed } from '../lib/bytes.ts'
import { isServerId, nameOf, type ServerId, type ServerName } from '../wire/ids.ts'

/**
 * Who replicates the log. While `outgoing` is not empty the configuration is *joint* (thesis, section 4.3): every
 * decision then needs a majority of `voters` and a majority of `outgoing`.
 * Invariant: each list is sorted and without duplicates; a learner is no voter, but may be outgoing: it learns on when
 * the joint configuration ends; every member has an address.
 */
export interface Members {
  readonly voters: readonly ServerId[]
  readonly outgoing: readonly ServerId[]
  readonly learners: readonly ServerId[]
  readonly addresses: ReadonlyMap<ServerId, string>
}

export const noMembers: Members = { voters: [], outgoing: [], learners: [], addresses: new Map() }

export function isJoint(members: Members): boolean {
  return members.outgoing.length > 0
}

export function isVoter(members: Members, id: ServerId): boolean {
  return members.voters.includes(id) || members.outgoing.includes(id)
}

export function isMember(members: Members, id: ServerId): boolean {
  return isVoter(members, id) || members.learners.includes(id)
}

/** Everyone who receives the log, sorted, each once. */
export function allMembers(members: Members): readonly ServerId[] {
  return sorted([...members.voters, ...members.outgoing, ...members.learners])
}

/** The member of this name, whatever its incarnation. */
export function memberNamed(members: Members, name: ServerName): ServerId | undefined {
  return allMembers(members).find((id) => nameOf(id) === name)
}

/** Builds a configuration that keeps the invariant: sorted lists, addresses of members alone. */
export function makeMembers(
  voters: readonly ServerId[],
  outgoing: readonly ServerId[],
  learners: readonly ServerId[],
  addresses: Iterable<readonly [ServerId, string]>,
): Members {
  const voting = sorted(voters)
  const leaving = sorted(outgoing)
  const learning = sorted(learners).filter((id) => !voting.includes(id))
  const kept = [...addresses].filter(([id]) => voting.includes(id) || leaving.includes(id) || learning.includes(id))
  kept.sort(([a], [b]) => (a < b ? -1 : 1))
  return { voters: voting, outgoing: leaving, learners: learning, addresses: new Map(kept) }
}

/** The joint configuration on the way from `from` to `to`, or `to` itself when the voters stay the same. */
export function firstStepTowards(from: Members, to: Members): Members {
  if (sameList(from.voters, to.voters)) return to
  return makeMembers(to.voters, from.voters, to.learners, [...from.addresses, ...to.addresses])
}

/** What a joint configuration ends in. */
export function withoutOutgoing(members: Members): Members {
  return makeMembers(members.voters, [], members.learners, members.addresses)
}

export function sameMembers(a: Members, b: Members): boolean {
  return sameList(a.voters, b.voters) && sameList(a.outgoing, b.outgoing) && sameList(a.learners, b.learners)
}

export function encodeMembers(members: Members): Uint8Array {
  const writer = new ByteWriter()
  for (const list of [members.voters, members.outgoing, members.learners]) {
    writer.uint(list.length)
    for (const id of list) {
      writer.text(id)
      writer.text(members.addresses.get(id) ?? '')
    }
  }
  return writer.take()
}

/** Throws `Malformed`. */
export function decodeMembers(bytes: Uint8Array): Members {
  const reader = new ByteReader(bytes)
  const addresses = new Map<ServerId, string>()
  const lists = [readList(reader, addresses), readList(reader, addresses), readList(reader, addresses)] as const
  reader.end()
  return makeMembers(...lists, addresses)
}

function readList(reader: ByteReader, addresses: Map<ServerId, string>): ServerId[] {
  const ids: ServerId[] = []
  for (let left = reader.count(2); left > 0; left--) {
    const id = reader.text(128)
    if (!isServerId(id)) throw new Malformed('not a server id')
    ids.push(id)
    addresses.set(id, reader.text(512))
  }
  return ids
}

function sorted(ids: readonly ServerId[]): readonly ServerId[] {
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

function sameList(a: readonly ServerId[], b: readonly ServerId[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}
