import { nameOf, type ServerId, type ServerName } from '../wire/ids.ts'
import type { ServerCore } from './core.ts'
import type { Peers } from './peers.ts'

/**
 * Who takes over when this leader hands leadership on: of the voters that are connected and hold what they
 * acknowledged, the one that has most of the log. With a name given, only who bears it is asked.
 */
export function heirOf(core: ServerCore, peers: Peers, name?: ServerName): ServerId | undefined {
  const { replica } = core
  let heir: ServerId | undefined
  let heirMatch = -1
  for (const voter of replica?.members.voters ?? []) {
    const progress = replica?.progressOf(voter)
    if (progress === undefined || progress.repairing || progress.match <= heirMatch) continue
    if (peers.linkTo(voter) === undefined || (name !== undefined && nameOf(voter) !== name)) continue
    heir = voter
    heirMatch = progress.match
  }
  return heir
}
