import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { defaultLimits, defaultTiming } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import type { DiskErrorCode } from '../core/storage/disk.ts'
import { checkServe } from './config.ts'
import { NodeDisk } from './disk.ts'
import { Cleanup, freeServers, keepingLogger, quickTiming, until } from './group.contract.ts'
import { RunningServer, type ServerFiles } from './running-server.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

/** A server alone in its group, whose disk fails from the moment `fail` is called. */
async function startOnBadDisk() {
  const servers = await freeServers(['a'])
  const settings = checkServe({ name: 'a', servers })
  const folder = join(cleanup.folder(), 'data')
  const disk = NodeDisk.open(folder)
  let error: { readonly code: DiskErrorCode; readonly message: string } | undefined
  const files: ServerFiles = {
    folder,
    owner: 'server a of group 0',
    disk: {
      start: (op, done) => {
        if (error === undefined) disk.start(op, done)
        else setImmediate(() => done({ kind: 'disk-done', id: op.id, error }))
      },
      reader: () => disk.reader(),
      close: () => disk.close(),
    },
  }
  const machine = ServerMachine.open(
    {
      name: settings.name,
      servers: settings.servers,
      durability: 'fsync',
      timing: { ...defaultTiming, ...quickTiming },
      limits: defaultLimits,
    },
    { entropy: randomBytes(64), wallMs: 1, disk: files.disk.reader(), listens: true },
    performance.now(),
  )
  if ('refused' in machine) throw new Error(machine.text)
  const logger = keepingLogger()
  const server = new RunningServer('a', machine, files, logger)
  await server.start(settings.listen)
  cleanup.add(() => server.close())
  const { documents } = await cleanup.connect(servers, 300)
  const fail = (code: DiskErrorCode, message: string) => {
    error = { code, message }
    return documents.create('s', 'k', 1)
  }
  return { server, logger, folder, fail }
}

test('a server whose disk breaks a promise burns its identity before it stops, and says what comes next', async () => {
  const { server, logger, folder, fail } = await startOnBadDisk()
  await expect(fail('EIO', 'i/o error')).rejects.toMatchObject({ code: 'TIMEOUT', executed: 'unknown' })
  const { reason, text } = await server.done
  expect(reason).toBe('disk-failed')
  expect(text).toMatch(
    /i\/o error; the next start sets the files in .* aside and joins the group as a new incarnation$/,
  )
  expect(readdirSync(folder)).toContain('burnt')
  expect(readdirSync(folder)).not.toContain('lock')
  expect(logger.lines.filter((line) => line.startsWith('error')).length).toBe(1)
})

test('a server whose disk is full stops with its identity intact', async () => {
  const { server, folder, fail } = await startOnBadDisk()
  const refusal = fail('ENOSPC', 'no space left on device')
  const { reason, text } = await server.done
  expect(reason).toBe('disk-full')
  expect(text).toMatch(/^the disk is full, and nothing that was acknowledged is lost/)
  expect(readdirSync(folder)).not.toContain('burnt')
  await expect(refusal).rejects.toMatchObject({ executed: 'unknown' })
})

test('a listener that throws does not stop the server', async () => {
  const servers = await freeServers(['a'])
  const server = await cleanup.serve({ name: 'a', servers })
  const thrown: unknown[] = []
  const catchIt = (error: unknown) => thrown.push(error)
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', catchIt)
  cleanup.add(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  const listener = () => {
    throw new Error('of the listener')
  }
  server.on('event', listener)
  await until(() => server.status().role === 'leader', 'a leader')
  server.off('event', listener)
  expect(thrown).toContainEqual(new Error('of the listener'))
})
