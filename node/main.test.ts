import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { Cleanup, freeServers } from './group.contract.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

function start(...args: string[]) {
  const main = fileURLToPath(new URL('main.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args])
  cleanup.add(() => child.kill('SIGKILL'))
  return child
}

test('a process that serves logs JSON, and ends well when it is asked to', async () => {
  const servers = await freeServers(['a'])
  const child = start('serve', '--name', 'a', '--servers', `a=${servers.a}`)
  const texts: string[] = []
  for await (const line of createInterface(child.stdout)) {
    const { msg } = JSON.parse(line)
    texts.push(msg)
    if (msg.includes('listens on')) child.kill('SIGTERM')
  }
  if (child.exitCode === null) await once(child, 'exit')
  expect([child.exitCode, child.signalCode]).toEqual([0, null])
  expect(texts[0]).toBe(`server a listens on ${servers.a}`)
  expect(texts.at(-1)).toBe('server a stopped: shut down in order')
})

test('a process that is asked for nonsense says so on stderr and ends with 2', async () => {
  const child = start('serve', '--name', 'a')
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  await once(child, 'close')
  expect(child.exitCode).toBe(2)
  expect(said).toMatch(/^coterie: servers: is missing; accepted is 1 to 5 servers/)
})
