import type { MemberStatus, Status } from '../core/wire/message.ts'

/** What `coterie status` shows people: a line for each fact, then a table of the members. */
export function statusText(status: Status, bold: (text: string) => string): string {
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['server', status.server],
    ['role', roleText(status)],
    ['term', String(status.term)],
    ['log', `last ${status.last}, commit ${status.commit}, applied ${status.applied}, first ${status.firstIndex}`],
    ['snapshot', status.snapshot === 0 ? 'none' : `at ${status.snapshot}`],
    ['documents', String(status.documents)],
    ['clients', String(status.clients)],
    ['history', status.history ?? 'none: the group has not formed'],
    ['group', status.group],
    ['version', `protocol ${status.protocol}`],
  ]
  const lines = aligned(facts).map((line) => line.trimEnd())
  const [head = '', ...members] = aligned([
    ['MEMBER', 'ADDRESS', 'PART', 'LAG', 'LINK'],
    ...status.members.map(memberRow),
  ])
  if (members.length > 0) lines.push('', bold(head.trimEnd()), ...members.map((line) => line.trimEnd()))
  return `${lines.join('\n')}\n`
}

function roleText({ role, leader, repairing, majorityLost }: Status): string {
  const notes = [role as string]
  if (role !== 'leader') notes.push(leader === undefined ? 'no leader known' : `led by ${leader}`)
  if (repairing) notes.push('repairing its log')
  if (majorityLost) notes.push('a majority of the servers lost what it held')
  return notes.join(', ')
}

/** Only a leader knows who lags, and a follower only what its own links are. */
function memberRow({ server, address, voter, lag, connected }: MemberStatus): readonly string[] {
  return [
    server,
    address,
    voter ? 'voter' : 'learner',
    lag === undefined ? '-' : String(lag),
    connected ? 'up' : 'down',
  ]
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length)
  return rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '))
}
