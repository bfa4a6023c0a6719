import type { Transport } from '../transports/transport.ts'
import type { Used } from './load-protocol.ts'

/** A process of a load run must not outlive the one that started it, whatever became of that one. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0))
  // Ctrl-C reaches the whole process group: the parent ends us, after it has asked for nothing more.
  process.on('SIGINT', () => {})
}

export function usedBy(transport: Transport): Used {
  const { user, system } = process.cpuUsage()
  const { framesOut, bytesOut, writes } = transport.stats
  return { cpuUs: user + system, framesOut, bytesOut, writes }
}
