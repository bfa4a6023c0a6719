import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { Cleanup, freeServers, leaderOf } from '../../node/group.contract.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

test('the counter goes on counting by one when its leader goes', async () => {
  const servers = await freeServers(['a', 'b', 'c'])
  const group = await cleanup.group(servers)
  const script = fileURLToPath(new URL('counter.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, Object.values(servers).join(), '12'])
  cleanup.add(() => child.kill('SIGKILL'))
  const counts: number[] = []
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  for await (const line of createInterface(child.stdout)) {
    const [, count] = /^(\d+) after /.exec(line) ?? []
    if (count !== undefined) counts.push(Number(count))
    if (count === '4') await leaderOf(group).close()
  }
  expect(errors).toBe('')
  expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
})
