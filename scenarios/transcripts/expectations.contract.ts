import { entryAt, type Group, idOf, termsOf } from '../../core/consensus/group.contract.ts'
import type { ServerName } from '../../core/wire/ids.ts'
import { nameOf } from '../../core/wire/ids.ts'
import { membersText } from './render.contract.ts'

/** What is the case, as words to be compared with those that a line expects. */
type Reading = (group: Group, name: string, words: readonly string[]) => string

/** `expect a WORD ...`: what the words behind WORD must be. */
const readings: Readonly<Record<string, Reading>> = {
  is: (group, name) => group.replica(name).role,
  follows: (group, name) => nameOrNobody(group.replica(name).leader),
  voted: (group, name) => nameOrNobody(group.replica(name).view.votedFor),
  term: (group, name) => `${group.replica(name).term}`,
  commit: (group, name) => `${group.replica(name).commit}`,
  stored: (group, name) => `${group.replica(name).view.durable}`,
  base: (group, name) => `${group.replica(name).log.baseIndex}`,
  log: (group, name) => termsOf(group.replica(name)).join(' '),
  members: (group, name) => membersText(group.replica(name).members).replaceAll(',', ''),
  serves: (group, name) => (group.replica(name).isReady ? 'yes' : 'no'),
  repairing: (group, name) => (group.replica(name).repairing ? 'yes' : 'no'),
  confirmed: (group, name) => `${group.replica(name).confirmedRound}`,
  /** `expect a entry 3 x` */
  entry: (group, name, [index]) => `${index} ${entryAt(group.replica(name), Number(index))?.replace(/^\d+ /, '')}`,
  /** `expect a sees b replicate 5`: what the leader knows of a member, and how far that goes. */
  sees: (group, name, [other = '']) => {
    const progress = group.replica(name).progressOf(idOf(other))
    return `${other} ${progress?.state} ${progress?.match}`
  },
}

/** Throws when a line `expect ...` does not hold. */
export function checkExpectation(group: Group, words: readonly string[]): void {
  const line = words.join(' ')
  if (line === 'no leader') check(line, leadersOf(group), 'nobody', 'nobody')
  else if (line === 'nothing under way') check(line, `${group.pool.length} messages`, '0 messages', line)
  else if (words[0] === 'same') checkSame(group, words.slice(1))
  else checkReading(group, words)
}

function checkReading(group: Group, [name = '', what = '', ...expected]: readonly string[]): void {
  const reading = readings[what]
  if (reading === undefined) throw new Error(`nothing is known about '${what}'`)
  const actual = reading(group, name, expected)
  check(`${name} ${what}`, actual, expected.join(' '), `${name} ${what} ${expected.join(' ')}`)
}

/** `expect same a b c`: the same log, as far as none has compacted it, committed equally far. */
function checkSame(group: Group, names: readonly string[]): void {
  const from = 1 + Math.max(...names.map((name) => group.replica(name).log.baseIndex))
  const [first = '', ...others] = names
  for (const other of others) check(other, textFrom(group, other, from), textFrom(group, first, from), 'the same')
}

function textFrom(group: Group, name: string, from: number): string {
  const { log, commit } = group.replica(name)
  const entries = Array.from({ length: log.lastIndex - from + 1 }, (_, i) => entryAt(group.replica(name), from + i))
  return `${entries.join(', ')}; log to ${log.lastIndex}, commit ${commit}`
}

function leadersOf(group: Group): string {
  const leaders = [...group.seats.values()].filter(({ isUp, replica }) => isUp && replica.role === 'leader')
  return leaders.map(({ name }) => name).join(' ') || 'nobody'
}

function nameOrNobody(id: Parameters<typeof nameOf>[0] | undefined): ServerName | 'nobody' {
  return id === undefined ? 'nobody' : nameOf(id)
}

function check(what: string, actual: string, expected: string, line: string): void {
  if (actual !== expected) throw new Error(`expected '${line}', but found ${what}: ${actual}`)
}
