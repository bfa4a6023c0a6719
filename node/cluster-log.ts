import type { ClientEvent } from '../core/client/io.ts'
import { unreachable } from '../core/lib/assert.ts'
import type { Logger } from './logger.ts'

/** Says in a log what became of a connection to the group. */
export function logClientEvent(logger: Logger, event: ClientEvent): void {
  switch (event.kind) {
    case 'registered':
      logger.debug({ ...event }, `registered as client ${event.client}`)
      break
    case 'attached':
      logger.info({ ...event }, `attached to server ${event.server}, sending ${event.resent} requests again`)
      break
    case 'detached':
      logger.info({ ...event }, `detached: ${event.reason}`)
      break
    case 'expired':
      logger.error({ ...event }, `client ${event.client} was silent for too long and was ended; registering anew`)
      break
    case 'other-history':
      logger.error({ ...event }, `the group has another history now: ${event.history}; registering anew`)
      break
    case 'refused':
      logger.error({ ...event }, `refused: ${event.text} (${event.code})`)
      break
    default:
      unreachable(event)
  }
}
