import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { groupIdOf } from '../core/server/options.ts'
import { markBurnt } from './burnt-folder.ts'
import { checkServe } from './config.ts'
import { CoterieError } from './errors.ts'
import { Cleanup, contentOf, freeServers, keepingLogger, leaderOf, until } from './group.contract.ts'

const names = ['a', 'b', 'c']
const cleanup = new Cleanup()
afterEach(() => cleanup.run())

test('three servers form a group that creates, reads, lists, changes and deletes documents', async () => {
  const servers = await freeServers(names)
  await cleanup.group(servers)
  const { documents } = await cleanup.connect(servers)
  const { version } = await documents.create('carts', 'ann', { items: ['pen'], total: 2n })
  expect(await documents.get('carts', 'ann')).toEqual({ value: { items: ['pen'], total: 2n }, version })
  expect(await documents.get('carts', 'bob')).toBeUndefined()
  await documents.create('carts', 'cat', new Map([['k', 1]]))
  expect(await documents.list('carts', { limit: 1 })).toEqual({ keys: ['ann'], after: 'ann' })
  expect(await documents.list('carts', { after: 'ann' })).toEqual({ keys: ['cat'], after: undefined })
  const changed = await documents.transact([
    { space: 'carts', key: 'ann', ops: [{ op: 'append', path: ['items'], values: [{ ink: new Date(5) }] }] },
    { space: 'carts', key: 'cat', ops: [{ op: 'increment', path: ['k'], by: 4 }], ifVersion: version + 1 },
    { space: 'carts', key: 'dan', create: undefined },
  ])
  expect(changed.results).toEqual([5])
  expect(await documents.get('carts', 'ann')).toEqual({
    value: { items: ['pen', { ink: new Date(5) }], total: 2n },
    version: changed.version,
  })
  expect(await documents.get('carts', 'dan')).toEqual({ value: undefined, version: changed.version })
  expect(await documents.delete('carts', 'ann')).toBe(true)
  expect(await documents.delete('carts', 'ann')).toBe(false)
})

test('a client that connects before the group has formed waits for it', async () => {
  const servers = await freeServers(names)
  const connecting = cleanup.connect(servers)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await cleanup.group(servers)
  const { documents } = await connecting
  expect(await documents.create('s', 'k', 1)).toEqual({ version: expect.any(Number) })
})

test('when the leader is closed the others go on, and every increment counts once', async () => {
  const servers = await freeServers(names)
  const group = await cleanup.group(servers)
  const { documents } = await cleanup.connect(servers)
  await documents.create('s', 'counter', { n: 0 })
  const increment = () => documents.transact([{ space: 's', key: 'counter', ops: [{ op: 'increment', path: ['n'] }] }])
  const leader = leaderOf(group)
  const before = Array.from({ length: 50 }, increment)
  const closing = leader.close()
  const after = Array.from({ length: 50 }, increment)
  const results = await Promise.all([...before, ...after])
  expect(new Set(results.map((result) => result.results[0])).size).toBe(100)
  await closing
  expect(await leader.done).toEqual({ reason: 'stopped', text: 'shut down in order' })
  expect((await documents.get<{ n: number }>('s', 'counter'))?.value.n).toBe(100)
})

test('a client outlives a change of leaders: a new one waits a whole timeout before it ends anybody', async () => {
  const servers = await freeServers(names)
  const clientTimeoutMs = 1500
  const group = await Promise.all(names.map((name) => cleanup.serve({ name, servers, clientTimeoutMs })))
  const cluster = await cleanup.connect(servers)
  await new Promise((resolve) => setTimeout(resolve, clientTimeoutMs + 100))
  await leaderOf(group).close()
  await cluster.documents.create('s', 'k', 1)
  expect(cluster.stats().registered).toBe(1)
})

test('a memory server leaves the group when it is closed, and comes back as a new incarnation', async () => {
  const servers = await freeServers(names)
  const group = await cleanup.group(servers)
  await cleanup.connect(servers)
  const leader = leaderOf(group)
  const follower = group.find((server) => server !== leader)
  if (follower === undefined) throw new Error('nobody follows')
  await follower.close()
  expect(leader.status().members.map((member) => member.server)).not.toContain(follower.status().server)
  expect(leader.status().members.length).toBe(2)
  const again = await cleanup.serve({ name: follower.name, servers })
  await until(() => leader.status().members.filter((member) => member.voter).length === 3, 'three voters again')
  expect(leader.status().members.map((member) => member.server)).toContain(again.status().server)
  expect(again.status().server).not.toBe(follower.status().server)
})

test('what was written to a folder is there after a restart', async () => {
  const servers = await freeServers(['a'])
  const dataDir = join(cleanup.folder(), 'data')
  const first = await cleanup.serve({ name: 'a', servers, dataDir })
  const cluster = await cleanup.connect(servers)
  const { version } = await cluster.documents.create('s', 'k', { kept: true })
  await cluster.close()
  await first.close()
  const second = await cleanup.serve({ name: 'a', servers, dataDir })
  const again = await cleanup.connect(servers)
  expect(await again.documents.get('s', 'k')).toEqual({ value: { kept: true }, version })
  expect(second.status().server).toBe(first.status().server)
})

async function startError(options: Parameters<Cleanup['serve']>[0]): Promise<CoterieError> {
  try {
    await cleanup.serve(options)
  } catch (error) {
    if (error instanceof CoterieError) return error
    throw error
  }
  throw new Error('the server started')
}

async function folderOf(name: string, servers: Readonly<Record<string, string>>): Promise<string> {
  const dataDir = join(cleanup.folder(), 'data')
  const server = await cleanup.serve({ name, servers, dataDir })
  await until(() => server.status().role === 'leader', 'a leader')
  await server.close()
  return dataDir
}

test('a folder of another server or of another group is refused and not touched', async () => {
  const servers = await freeServers(['a', 'b'])
  const alone = { a: servers.a ?? '' }
  const dataDir = await folderOf('a', alone)
  const before = contentOf(dataDir)
  const otherGroup = await startError({ name: 'a', servers, dataDir })
  expect(otherGroup.code).toBe('CANNOT_START')
  expect(otherGroup.message).toMatch(/belongs to group .* but this server belongs to group .*; nothing was changed$/)
  const otherServer = await startError({ name: 'b', servers, dataDir })
  expect(otherServer.message).toMatch(/belongs to server a, but this is server b; nothing was changed$/)
  expect(contentOf(dataDir)).toEqual(before)
})

test('a folder in a newer format is refused and not touched', async () => {
  const servers = await freeServers(['a'])
  const dataDir = await folderOf('a', servers)
  const { crc32c } = await import('../core/lib/crc32c.ts')
  const identity = readFileSync(join(dataDir, 'identity'))
  for (const at of [0, 4096]) {
    identity.writeUInt32LE(99, at + 4)
    identity.writeUInt32LE(crc32c(identity, at, at + 252), at + 252)
  }
  writeFileSync(join(dataDir, 'identity'), identity)
  const before = contentOf(dataDir)
  expect((await startError({ name: 'a', servers, dataDir })).message).toMatch(/written by a newer version/)
  expect(contentOf(dataDir)).toEqual(before)
})

test('a folder that can not be used is refused in one line', async () => {
  const servers = await freeServers(['a'])
  const file = join(cleanup.folder(), 'file')
  writeFileSync(file, '')
  const error = await startError({ name: 'a', servers, dataDir: join(file, 'data') })
  expect(error.code).toBe('CANNOT_START')
  expect(error.message).toMatch(/^the data folder .* can't be written to: /)
  expect(error.message).not.toContain('\n')
})

test.runIf(process.platform === 'linux')(
  'a folder where the system makes none is refused, not waited for',
  async () => {
    const servers = await freeServers(['a'])
    for (const dataDir of ['/proc/nope', '/proc/nope/data']) {
      const error = await startError({ name: 'a', servers, dataDir })
      expect(error.code).toBe('CANNOT_START')
      expect(error.message).toBe(
        `the data folder ${dataDir} can't be written to: ENOENT: no such file or directory, mkdir '/proc/nope'`,
      )
    }
  },
)

test('a port in use is refused in one line, and the folder is free again, or gone if it was made here', async () => {
  const servers = await freeServers(['a'])
  const existing = cleanup.folder()
  const dataDir = join(existing, 'made', 'data')
  const squatter = createServer()
  await new Promise<void>((resolve) => {
    squatter.listen(Number(servers.a?.split(':')[1]), '127.0.0.1', resolve)
  })
  const error = await startError({ name: 'a', servers, dataDir })
  expect(error.message).toBe(`cannot listen on ${servers.a}: another process listens there already`)
  expect(readdirSync(existing)).toEqual([])
  await startError({ name: 'a', servers, dataDir: existing })
  expect(existsSync(existing)).toBe(true)
  await new Promise((resolve) => squatter.close(resolve))
  await cleanup.serve({ name: 'a', servers, dataDir })
  expect((await startError({ name: 'a', servers, dataDir })).message).toMatch(/in use by process/)
})

test('a folder whose identity was burnt is set aside, and the server begins as a new incarnation', async () => {
  const servers = await freeServers(['a'])
  const dataDir = await folderOf('a', servers)
  const settings = checkServe({ name: 'a', servers })
  markBurnt(dataDir, `server a of group ${groupIdOf(settings.servers)}`)
  const logger = keepingLogger()
  const before = readFileSync(join(dataDir, 'identity'))
  await cleanup.serve({ name: 'a', servers, dataDir }, logger)
  const aside = readdirSync(dataDir).find((file) => file.startsWith('burnt-')) ?? ''
  expect(readFileSync(join(dataDir, aside, 'identity'))).toEqual(before)
  expect(readdirSync(dataDir)).not.toContain('burnt')
  expect(logger.lines[0]).toMatch(/^error the identity in .* must not be used again/)
  await until(() => readdirSync(dataDir).includes('identity'), 'a new identity')
  expect(readFileSync(join(dataDir, 'identity'))).not.toEqual(before)
})

test('setting a burnt folder aside goes on where a crash ended it, and drops what was set aside before', async () => {
  const servers = await freeServers(['a'])
  const dataDir = await folderOf('a', servers)
  const owner = `server a of group ${groupIdOf(checkServe({ name: 'a', servers }).servers)}`
  markBurnt(dataDir, owner)
  const label = readFileSync(join(dataDir, 'burnt'), 'utf8').slice(0, 8)
  for (const folder of [`burnt-${label}`, 'burnt-00000000']) mkdirSync(join(dataDir, folder))
  copyFileSync(join(dataDir, 'identity'), join(dataDir, `burnt-${label}`, 'snapshot-0000000000000001'))
  await cleanup.serve({ name: 'a', servers, dataDir })
  expect(readdirSync(dataDir).filter((file) => file.startsWith('burnt'))).toEqual([`burnt-${label}`])
  expect(readdirSync(join(dataDir, `burnt-${label}`))).toEqual(
    expect.arrayContaining(['identity', 'snapshot-0000000000000001', 'wal-0000000001']),
  )
})

test('a burnt folder of another server is refused and not touched', async () => {
  const servers = await freeServers(['a'])
  const dataDir = await folderOf('a', servers)
  markBurnt(dataDir, 'server b of group 0')
  const before = contentOf(dataDir)
  expect((await startError({ name: 'a', servers, dataDir })).message).toMatch(/belongs to server b of group 0/)
  expect(contentOf(dataDir)).toEqual(before)
})

test('servers that do not belong together are refused and logged once at both ends', async () => {
  const servers = await freeServers(['a', 'b'])
  const logs = [keepingLogger(), keepingLogger()]
  await cleanup.serve({ name: 'a', servers }, logs[0])
  await cleanup.serve({ name: 'b', servers: { ...servers, c: '127.0.0.1:1' } }, logs[1])
  const refusals = (log: (typeof logs)[number] | undefined) =>
    log?.lines.filter((line) => /OTHER_GROUP/.test(line)) ?? []
  await until(() => logs.every((log) => refusals(log).length > 0), 'a refusal at both ends')
  await new Promise((resolve) => setTimeout(resolve, 300))
  for (const log of logs) expect(new Set(refusals(log)).size).toBe(refusals(log).length)
})
