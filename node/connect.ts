import { Cluster } from './cluster.ts'
import { type ConnectOptions, checkConnect } from './config.ts'
import { safeLogger } from './logger.ts'

/**
 * Connects this process to the group as a client; resolves when a server has taken it in, which may wait for the group
 * to form. Throws `ConfigError` for wrong options, and `CoterieError` with code `TIMEOUT` when none did in time.
 */
export async function connect(options: ConnectOptions): Promise<Cluster> {
  const cluster = new Cluster(checkConnect(options), safeLogger(options.logger))
  await cluster.start()
  return cluster
}
