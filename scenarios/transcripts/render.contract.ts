import { type Group, type Packet, type Parcel, termsOf } from '../../core/consensus/group.contract.ts'
import type { Members } from '../../core/consensus/members.ts'
import type { ServerId } from '../../core/wire/ids.ts'
import { nameOf } from '../../core/wire/ids.ts'
import type { Run } from '../../core/wire/run.ts'
import { payloadsOf } from '../../core/wire/run.ts'

/** `a -> b  append after 2/1: 3/2 x; commit 2, round 4` */
export function packetText({ from, to, parcel }: Packet): string {
  return `${from} -> ${to}  ${parcelText(parcel)}`
}

/** What a message says, in the order in which a reader asks; its term comes last. */
export function parcelText(parcel: Parcel): string {
  return `${contentText(parcel)}  [term ${parcel.term}]`
}

function contentText(parcel: Parcel): string {
  switch (parcel.kind) {
    case 'append': {
      const entries = parcel.runs.flatMap(entriesIn).join(', ')
      const round = parcel.round > 0 ? `, round ${parcel.round}` : ''
      const what = `append after ${parcel.prevIndex}/${parcel.prevTerm}: ${entries || 'nothing'}`
      return `${what}; commit ${parcel.commit}${round}`
    }
    case 'append-ack': {
      const repairing = parcel.repairing ? ', repairing' : ''
      if (parcel.match !== undefined) return `has all up to ${parcel.match}${repairing}`
      return `lacks ${parcel.prevIndex}, may agree at ${parcel.hintIndex}/${parcel.hintTerm}${repairing}`
    }
    case 'heartbeat':
      return `heartbeat; commit ${parcel.commit}${parcel.round > 0 ? `, round ${parcel.round}` : ''}`
    case 'heartbeat-ack':
      return `heard${parcel.round > 0 ? ` round ${parcel.round}` : ''}${parcel.repairing ? ', repairing' : ''}`
    case 'vote': {
      const ask = parcel.pre ? 'would you vote for me' : 'vote for me'
      const order = parcel.transfer ? ', as I was asked to' : ''
      return `${ask}${order}? log ends with ${parcel.lastIndex}/${parcel.lastTerm}`
    }
    case 'vote-reply':
      if (!parcel.pre) return parcel.granted ? 'yes' : 'no'
      return parcel.granted ? 'yes, I would' : 'no, I would not'
    case 'timeout-now':
      return 'take over'
    case 'snapshot':
      return `snapshot up to ${parcel.index}/${parcel.indexTerm}`
    case 'snapshot-done':
      return `needs no snapshot up to ${parcel.index}`
  }
}

/** One line that says all about a server: `a  leader in 2, voted a, log 1 2 2, commit 3`. */
export function serverText(group: Group, name: string): string {
  const { replica, isUp, disk } = group.seat(name)
  const { role, leader, view } = replica
  const under = role === 'follower' && leader !== undefined ? ` of ${nameOf(leader)}` : ''
  const voted = view.votedFor === undefined ? '' : `, voted ${nameOf(view.votedFor)}`
  const log = `${replica.log.baseIndex > 0 ? `..${replica.log.baseIndex} ` : ''}${termsOf(replica).join(' ')}`
  const stored = disk.isHeld && view.durable < view.last ? `, stored ${view.durable}` : ''
  const repairing = replica.repairing ? ', repairing' : ''
  const state = `${role}${under} in term ${view.term}${voted}, log ${log.trim() || '-'}, commit ${view.commit}`
  return `${name}: ${isUp ? state : `stopped, was ${state}`}${stored}${repairing}`
}

export function membersText({ voters, outgoing, learners }: Members): string {
  const parts = [namesText(voters)]
  if (outgoing.length > 0) parts.push(`outgoing ${namesText(outgoing)}`)
  if (learners.length > 0) parts.push(`learners ${namesText(learners)}`)
  return parts.join(', ')
}

export function namesText(ids: readonly ServerId[]): string {
  return ids.map(nameOf).join(' ')
}

/** The entries of a run: `3/2 x`. */
export function entriesIn(run: Run): string[] {
  return [...payloadsOf(run)].map(([index, payload]) => {
    const text = run.kind === 'data' ? String.fromCharCode(...payload) : run.kind
    return `${index}/${run.term} ${text.length > 20 ? `${text.slice(0, 5)}... (${text.length})` : text}`
  })
}
