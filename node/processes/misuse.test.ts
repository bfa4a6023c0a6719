import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { crc32c } from '../../core/lib/crc32c.ts'
import type { ServerId } from '../../core/wire/ids.ts'
import { parseAddress } from '../../transports/address.ts'
import { contentOf } from '../group.contract.ts'
import { Household, ProcessGroup, quietServers, type Servers, until } from './process-group.contract.ts'
import { hello, RawClient } from './raw-client.contract.ts'
import type { CommandProcess } from './serve-process.contract.ts'

const household = new Household()
const listeners: Server[] = []
const raws: RawClient[] = []
afterEach(async () => {
  for (const raw of raws.splice(0)) raw.destroy()
  await household.end()
  await Promise.all(listeners.splice(0).map((server) => new Promise((resolve) => server.close(resolve))))
})

function serve(name: string, servers: Servers, ...more: readonly string[]): CommandProcess {
  const list = Object.entries(servers).map(([each, address]) => `${each}=${address}`)
  return household.command('serve', '--name', name, '--servers', list.join(','), ...more)
}

/** What a process said that could not start: nothing but one line. */
async function refusalOf(process: CommandProcess): Promise<string> {
  expect(await process.exited).toEqual({ code: 1, signal: null })
  expect(process.stderr).toMatch(/^coterie: [^\n]+\n$/)
  expect(process.stdout.split('\n').filter((line) => line.includes('"level":50'))).toEqual([])
  return process.stderr.slice('coterie: '.length, -1)
}

/** The folder of a server that led its group of one, and ended in order. */
async function usedFolder(servers: Servers): Promise<string> {
  const folder = join(household.folder(), 'data')
  const process = serve('a', servers, '--data', folder)
  await until('a leader', () => process.logged(/^info leader in term/).length > 0)
  process.signal('SIGTERM')
  expect(await process.exited).toEqual({ code: 0, signal: null })
  return folder
}

async function listen(server: Server, address: string): Promise<void> {
  listeners.push(server)
  await new Promise<void>((resolve) => server.listen({ ...parseAddress(address) }, resolve))
}

test('a wrong command line ends with 2 and one message that names every problem', async () => {
  const process = household.command(
    ...['serve', '--name', 'd', '--servers', 'a=127.0.0.1:1,a=127.0.0.1:2,b=elsewhere,c=10.0.0.1:7400'],
    ...['--durability', 'sometimes', '--listen', '127.0.0.1:99999', '--color'],
  )
  expect(await process.exited).toEqual({ code: 2, signal: null })
  expect(process.stdout).toBe('')
  const [head, ...problems] = process.stderr.trimEnd().split('\n')
  expect(head).toBe(`coterie: ${problems.length} problems:`)
  for (const part of [
    '--color: unknown',
    'a is there twice',
    'servers.b: ',
    'servers.c: 10.0.0.1',
    'name: "d"',
    'durability: "sometimes"',
    'listen: ',
  ]) {
    expect(problems.filter((problem) => problem.includes(part)).length, part).toBe(1)
  }
})

test('a data folder of another group, another server or a newer format is refused and stays as it is', async () => {
  const servers = await quietServers(['a', 'b'])
  const alone = { a: servers.a ?? '' }
  const folder = await usedFolder(alone)
  const before = contentOf(folder)
  expect(await refusalOf(serve('a', servers, '--data', folder))).toMatch(/belongs to group .*; nothing was changed$/)
  expect(await refusalOf(serve('b', servers, '--data', folder))).toMatch(
    /belongs to server a, .*; nothing was changed$/,
  )
  expect(contentOf(folder)).toEqual(before)
  const path = join(folder, 'identity')
  const identity = readFileSync(path)
  for (const at of [0, 4096]) {
    identity.writeUInt32LE(99, at + 4)
    identity.writeUInt32LE(crc32c(identity, at, at + 252), at + 252)
  }
  writeFileSync(path, identity)
  const newer = contentOf(folder)
  expect(await refusalOf(serve('a', alone, '--data', folder))).toMatch(/newer version.*; nothing was changed$/)
  expect(contentOf(folder)).toEqual(newer)
})

test('a port in use, a folder in use and a folder that can not be written to are refused in one line', async () => {
  const servers = await quietServers(['a'])
  const folder = household.folder()
  writeFileSync(join(folder, 'file'), 'kept')
  expect(await refusalOf(serve('a', servers, '--data', join(folder, 'file', 'data')))).toMatch(/can't be written to: /)
  const data = join(folder, 'data')
  mkdirSync(data)
  const squatter = createServer()
  await listen(squatter, servers.a ?? '')
  const line = `cannot listen on ${servers.a}: another process listens there already`
  expect(await refusalOf(serve('a', servers, '--data', data))).toBe(line)
  expect(readdirSync(data)).toEqual([])
  await new Promise((resolve) => squatter.close(resolve))
  const process = serve('a', servers, '--data', data)
  await until('a server', () => process.logged(/listens on/).length > 0)
  expect(await refusalOf(serve('a', servers, '--data', data))).toMatch(new RegExp(`in use by process ${process.pid}$`))
  expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('kept')
  expect(process.isRunning).toBe(true)
})

test('a server of another group is refused, and logged once at both ends however often it comes back', async () => {
  const servers = await quietServers(['a', 'b', 'c', 'door'])
  const { a = '', b = '', c = '', door = '' } = servers
  const visits: Socket[] = []
  const counter = createServer((socket) => {
    visits.push(socket)
    const onward = dial(parseAddress(a))
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  await listen(counter, door)
  const group = new ProcessGroup(household, { a, b })
  group.startAll()
  await group.everybodyUp()
  const stranger = serve('c', { a: door, b, c })
  await until('the stranger to come again and again', () => visits.length >= 5)
  const host = group.process('a')
  expect(host.logged(/OTHER_GROUP/).length).toBe(1)
  expect(host.logged(/^error 127\.0\.0\.1: .*\(OTHER_GROUP\)$/).length).toBe(1)
  expect(stranger.logged(/^error link to a: .*\(OTHER_GROUP\)$/).length).toBe(1)
  stranger.signal('SIGTERM')
  expect((await stranger.exited).code).toBe(0)
})

test.each([
  ['OTHER_PROTOCOL', { protocolMin: 99, protocolMax: 99 }, /^error 127\.0\.0\.1: .*\(OTHER_PROTOCOL\)$/],
  [
    'UNKNOWN_PEER',
    { purpose: 'peer', server: 'z#00000000000000ff' as ServerId },
    /^error 127\.0\.0\.1: .*\(UNKNOWN_PEER\)$/,
  ],
] as const)('a hello is answered %s, the connection is closed and that is logged once', async (code, fields, line) => {
  const servers = await quietServers(['a'])
  const process = serve('a', servers)
  await until('a server', () => process.logged(/listens on/).length > 0)
  for (let connection = 1; connection <= 3; connection++) {
    const raw = await RawClient.connect(servers.a ?? '')
    raws.push(raw)
    raw.send(hello({ ...fields, connection }))
    await raw.closed
    expect(raw.messages).toMatchObject([{ kind: 'unwelcome', code, connection }])
  }
  expect(process.logged(line).length).toBe(1)
  expect(process.logged(new RegExp(code)).length).toBe(1)
})
