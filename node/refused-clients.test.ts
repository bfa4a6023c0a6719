import { randomBytes } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { defaultLimits, defaultTiming } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import { checkServe } from './config.ts'
import { connect } from './connect.ts'
import { Cleanup, freeServers, keepingLogger, quickTiming } from './group.contract.ts'
import { silentLogger } from './logger.ts'
import { RunningServer } from './running-server.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

/** A server alone in its group that takes no more than so many clients. */
async function serveFew(servers: Readonly<Record<string, string>>, clientsMax: number): Promise<RunningServer> {
  const settings = checkServe({ name: 'a', servers })
  const timing = { ...defaultTiming, ...quickTiming }
  const options = { name: settings.name, servers: settings.servers, durability: settings.durability, timing }
  const given = { entropy: randomBytes(64), wallMs: 1, disk: undefined, listens: true }
  const state = { clientsMax }
  const machine = ServerMachine.open({ ...options, limits: defaultLimits, state }, given, performance.now())
  if ('refused' in machine) throw new Error(machine.text)
  const server = new RunningServer('a', machine, undefined, silentLogger)
  await server.start(settings.listen)
  cleanup.add(() => server.close())
  return server
}

const reason = 'register was refused: the group has as many clients as it accepts'
const cause = {
  name: 'CoterieError',
  code: 'TOO_MANY_CLIENTS',
  executed: 'no',
  message: `${reason} (TOO_MANY_CLIENTS)`,
}

test('a client that the group does not take in is told why, by its log and by the error and its cause', async () => {
  const servers = await freeServers(['a'])
  await serveFew(servers, 1)
  await cleanup.connect(servers)
  const logger = keepingLogger()
  await expect(connect({ servers, connectTimeoutMs: 500, logger })).rejects.toMatchObject({
    code: 'TIMEOUT',
    executed: 'no',
    message: `no server took this client in within 500 ms: ${cause.message}`,
    cause,
  })
  expect(logger.lines).toContain(`error refused: ${cause.message}`)
})

test('a call of a client that is not taken in any more is told why it waited in vain', async () => {
  const servers = await freeServers(['a'])
  const server = await serveFew(servers, 1)
  const { documents } = await cleanup.connect(servers, 500)
  await server.close()
  await serveFew(servers, 0)
  await expect(documents.get('s', 'k')).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: `get "s" "k": no answer came in time (TIMEOUT): ${cause.message}`,
    cause,
  })
})
