import { unreachable } from '../core/lib/assert.ts'
import type { ServerEvent } from '../core/server/io.ts'
import type { Logger } from './logger.ts'

type Level = 'debug' | 'info' | 'error'

/**
 * Says in a log what a server did. `error`: somebody must look; `info`: an operator may act on it; `debug`: the rest.
 */
export function logServerEvent(logger: Logger, event: ServerEvent): void {
  const [level, text] = describe(event)
  const { kind, ...fields } = event
  logger[level]({ event: kind, ...fields }, text)
}

function describe(event: ServerEvent): readonly [level: Level, text: string] {
  switch (event.kind) {
    case 'role':
      return [
        'info',
        `${event.role} in term ${event.term}${event.leader === undefined ? '' : `, led by ${event.leader}`}`,
      ]
    case 'formed':
      return ['info', `the group has formed; its history is ${event.history}`]
    case 'members':
      return ['info', `members: ${membersText(event)}`]
    case 'snapshot-taken':
      return ['debug', `snapshot taken at ${event.index}`]
    case 'snapshot-sent':
      return ['info', `snapshot at ${event.index} sent to ${event.to}`]
    case 'snapshot-installed':
      return ['info', `snapshot at ${event.index} installed`]
    case 'torn-tail':
      return ['info', `the last flush was cut short by a crash and dropped; the log ends at ${event.lastIndex}`]
    case 'damage-found':
      return ['error', `the log is damaged from ${event.from} to ${event.upTo}; it is repaired from the other servers`]
    case 'repaired':
      return ['info', `the log is whole again up to ${event.index}`]
    case 'client-registered':
      return ['debug', `client ${event.client} registered`]
    case 'client-expired':
      return ['info', `client ${event.client} ${whyExpired(event)}`]
    case 'majority-lost':
      return ['error', 'a majority of the servers has lost what it held; an operator must recover']
    case 'order-refused':
      return ['error', `the order to ${event.order} was refused: ${event.text}`]
    case 'shutdown-cut-short':
      return ['error', event.text]
    case 'diverged':
      return ['error', `the state at ${event.index} differs from that of an equal majority`]
    case 'log-contradicted':
      return ['error', `${event.by} sent entries that contradict what is committed here; times so far: ${event.times}`]
    case 'link-unread':
      return ['error', `${event.remote} did not read what was sent to it; its connection was closed`]
    case 'peer-refused':
      return ['error', `${event.remote}: ${event.text} (${event.code})`]
    default:
      return unreachable(event)
  }
}

function whyExpired({ goodbye }: Extract<ServerEvent, { kind: 'client-expired' }>): string {
  if (goodbye === undefined) return 'was ended'
  return goodbye ? 'said goodbye' : 'was silent for too long and was ended'
}

function membersText({ voters, learners }: Extract<ServerEvent, { kind: 'members' }>): string {
  return learners.length === 0 ? voters.join(', ') : `${voters.join(', ')}; learning: ${learners.join(', ')}`
}
