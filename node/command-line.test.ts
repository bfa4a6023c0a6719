import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pc from 'picocolors'
import { afterEach, expect, test } from 'vitest'
import type { CommandIo, ExitSignal } from './command-io.ts'
import { runCommand } from './command-line.ts'
import { Cleanup, contentOf, freeServers, keepingLogger, until } from './group.contract.ts'
import { readableLine } from './log-line.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

/** A command's world in memory. */
function world() {
  const written = { out: '', err: '' }
  const exits: number[] = []
  const logger = keepingLogger()
  let listener: (signal: ExitSignal) => void = () => {}
  const io: CommandIo = {
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    logger,
    isTerminal: false,
    onSignal: (each) => {
      listener = each
    },
    exit: (code) => void exits.push(code),
  }
  const run = (...args: string[]) => runCommand(args, io)
  return { written, exits, logger, run, signal: (signal: ExitSignal) => listener(signal) }
}

test('help and version are shown, with examples', async () => {
  const { run, written } = world()
  expect(await run('--help')).toBe(0)
  expect(written.out).toMatch(/serve .*Run a server of a group/)
  expect(await run('serve', '--help')).toBe(0)
  expect(written.out).toContain('coterie serve --name a --servers a=127.0.0.1:7400,')
  expect(written.out).toContain('--name <name>')
  expect(await run('--version')).toBe(0)
  expect(written.out).toMatch(/\d+\.\d+\.\d+\n$/)
})

test('a wrong command line is answered with every problem at once, and exit code 2', async () => {
  const { run, written } = world()
  const code = await run(
    ...['serve', '--nme', 'a', 'extra', '--name', 'A!', '--servers', 'a=1,b=127.0.0.1:1,b=x,c', '--data'],
    ...['--durability', 'eventual', '--listen', '0.0.0.0:7400'],
  )
  expect(code).toBe(2)
  expect(written.err).toMatch(/^coterie: \d+ problems:\n/)
  for (const problem of [
    /--nme: unknown option; accepted are --name, /,
    /"extra": unexpected/,
    /name: "A!" is not accepted; a name has 1 to 64 characters/,
    /servers\.a: "1" is not an address; accepted are name:port/,
    /--servers: b is there twice/,
    /--servers: "c" is not NAME=HOST:PORT/,
    /dataDir: is empty; accepted is the path of a folder/,
    /durability: "eventual" is not accepted; accepted is fsync or memory/,
    /listen: 0\.0\.0\.0:7400 is reachable from other machines; without a secret or TLS only loopback is accepted/,
  ]) {
    expect(written.err).toMatch(problem)
  }
})

test.each([
  [[], /^Usage: coterie/],
  [['server'], /unknown command 'server'/],
  [['serve'], /name: is missing.*\n.*servers: is missing/],
  [['serve', '--name', 'a', '--servers'], /servers: "" is not accepted; accepted is 1 to 5 servers/],
  [
    ['serve', '--name', 'c', '--servers', 'a=127.0.0.1:1,b=127.0.0.1:1'],
    /servers\.b: has the address of a\n.*name: "c" is not one of servers \(a, b\)/,
  ],
  [['serve', '--name', 'a', '--servers', 'a=127.0.0.1:0'], /port 0 can't be dialled/],
  [['serve', '--name', 'a', '--servers', 'a=10.0.0.1:7400'], /servers\.a: 10\.0\.0\.1:7400 is reachable from other/],
  [
    ['serve', '--name', 'a', '--servers', [1, 2, 3, 4, 5, 6].map((n) => `a${n}=localhost:${n}`).join()],
    /names 6 servers; accepted are 1 to 5/,
  ],
  [['serve', '--name', 'a', '--servers', 'a=[::1]:1', '--durability', 'fsync'], /durability fsync needs a folder/],
  [['serve', '--config', '/nowhere/coterie.yaml'], /can't read \/nowhere\/coterie\.yaml: ENOENT/],
  [['status'], /--server: is missing; accepted is HOST:PORT/],
  [['status', '--server', 'x', '--timeout', 'soon'], /--server: "x" is not an address.*\n.*--timeout: needs a whole/],
])('%j is misuse: exit code 2', async (args, problem) => {
  const { run, written } = world()
  expect(await run(...args)).toBe(2)
  expect(written.err).toMatch(problem)
})

test('a configuration file gives what the command line does not say', async () => {
  const servers = await freeServers(['a'])
  const file = join(cleanup.folder(), 'coterie.yaml')
  writeFileSync(file, `name: b\nservers:\n  a: ${servers.a}\ndurability: memory\nclientTimeoutMs: 4000\n`)
  const { run, signal, logger } = world()
  const code = run('serve', '--config', file, '--name', 'a')
  await until(() => logger.lines.some((line) => line.includes(`listens on ${servers.a}`)), 'a server that listens')
  signal('SIGTERM')
  expect(await code).toBe(0)
})

test('problems of a configuration file are told with their paths', async () => {
  const file = join(cleanup.folder(), 'coterie.json')
  writeFileSync(file, JSON.stringify({ name: 7, servers: { a: 1 }, port: 7400, clientTimeoutMs: 0.5 }))
  const { run, written } = world()
  expect(await run('serve', '--config', file)).toBe(2)
  expect(written.err).toMatch(/name: 7 is not accepted/)
  expect(written.err).toMatch(/servers\.a: 1 is not accepted; accepted is HOST:PORT/)
  expect(written.err).toMatch(/port: unknown; accepted are name, servers, listen, dataDir/)
  expect(written.err).toMatch(/clientTimeoutMs: 0\.5 is not a whole number of milliseconds/)
  writeFileSync(file, '[1, 2]')
  expect(await run('serve', '--config', file)).toBe(2)
  expect(written.err).toMatch(/--config: .* does not hold an object of options\n/)
})

test('a server that can not start says why in one line, exit code 1, and touches nothing', async () => {
  const servers = await freeServers(['a'])
  const folder = cleanup.folder()
  writeFileSync(join(folder, 'file'), 'mine')
  const before = contentOf(folder)
  const flags = ['--name', 'a', '--servers', `a=${servers.a}`]
  const first = world()
  expect(await first.run('serve', ...flags, '--data', join(folder, 'file', 'data'))).toBe(1)
  expect(first.written.err).toMatch(/^coterie: the data folder .* can't be written to: .*\n$/)
  const squatter = createServer()
  await new Promise<void>((resolve) => {
    squatter.listen(Number(servers.a?.split(':')[1]), '127.0.0.1', resolve)
  })
  cleanup.add(() => squatter.close())
  const second = world()
  expect(await second.run('serve', ...flags)).toBe(1)
  expect(second.written.err).toBe(`coterie: cannot listen on ${servers.a}: another process listens there already\n`)
  expect(contentOf(folder)).toEqual(before)
})

test('status shows a table, or one JSON object, and says in one line when there is nobody', async () => {
  const servers = await freeServers(['a', 'b'])
  await cleanup.group(servers)
  await cleanup.connect(servers)
  const { run, written } = world()
  expect(await run('status', '--server', servers.a ?? '')).toBe(0)
  expect(written.out).toMatch(/^server +a#[0-9a-f]{16}\nrole +(leader|follower, led by b)\nterm +\d+\n/)
  expect(written.out).toMatch(/\nversion +protocol 1\n\nMEMBER +ADDRESS +PART +LAG +LINK\na#/)
  expect(written.out).toMatch(new RegExp(`\\nb#[0-9a-f]{16}  ${servers.b} +voter +(\\d+|-) +up\\n$`))
  written.out = ''
  expect(await run('status', '--json', '--server', servers.b ?? '')).toBe(0)
  const { server, members, clients } = JSON.parse(written.out)
  expect(server).toMatch(/^b#/)
  expect(members.length).toBe(2)
  expect(clients).toBe(1)
  const { free } = await freeServers(['free'])
  expect(await run('status', '--server', free ?? '')).toBe(1)
  expect(written.err).toBe(`coterie: can't get the status of ${free}: nobody listens there\n`)
})

test('status of something else than a server ends in time', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  cleanup.add(() => silent.close())
  const address = silent.address()
  const port = typeof address === 'object' ? address?.port : 0
  const { run, written } = world()
  expect(await run('status', '--server', `127.0.0.1:${port}`, '--timeout', '50')).toBe(1)
  expect(written.err).toMatch(/no answer in time\n$/)
})

test('a second signal ends the process at once', async () => {
  const servers = await freeServers(['a', 'b'])
  const { run, signal, exits, logger } = world()
  const code = run('serve', '--name', 'a', '--servers', `a=${servers.a},b=${servers.b}`)
  await until(() => logger.lines.some((line) => line.includes('listens on')), 'a server that listens')
  signal('SIGINT')
  signal('SIGTERM')
  expect(exits).toEqual([143])
  expect(await code).toBe(0)
})

test('log lines for people have a time, a level, the text and the stack of an error', () => {
  const colors = pc.createColors(false)
  const line = JSON.stringify({ level: 50, time: 0, msg: 'it broke', err: { stack: 'Error: x\n    at y' } })
  expect(readableLine(line, colors)).toBe('00:00:00.000 error it broke\nError: x\n    at y\n')
  expect(readableLine('{"level":30,"time":61001,"msg":"ok"}', colors)).toBe('00:01:01.001 info  ok\n')
})
