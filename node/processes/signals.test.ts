import { afterEach, expect, test } from 'vitest'
import { Appender, createDocuments, Ledger, readAll } from './appenders.contract.ts'
import { eventually, Household, ProcessGroup, quietServers, until } from './process-group.contract.ts'
import type { CommandProcess, LogLine } from './serve-process.contract.ts'

const household = new Household()
afterEach(() => household.end())

const names = ['a', 'b', 'c']
/** Nobody stands for election by itself before a leader was silent for so long. */
const electionMsMin = 1000

function firstLine(process: CommandProcess, pattern: RegExp): LogLine {
  const [line] = process.logged(pattern)
  if (line === undefined) throw new Error(`${pattern} was not logged:\n${process.stdout}`)
  return line
}

/** The ids of the voters, as the leader knows them. */
async function voters(group: ProcessGroup): Promise<readonly string[]> {
  const status = await group.status(await group.leader())
  return (status?.members ?? []).filter((member) => member.voter).map((member) => member.server)
}

/** Waits until each server has one voter, which is not among `gone`; returns their ids. */
async function refilled(group: ProcessGroup, gone: readonly string[]): Promise<readonly string[]> {
  return eventually('a voter for each server', async () => {
    const ids = await voters(group)
    const held = new Set(ids.map((id) => id.split('#')[0]))
    return held.size === names.length && ids.length === names.length && !ids.some((id) => gone.includes(id))
      ? ids
      : undefined
  })
}

test('SIGTERM of a leader hands leadership over before it exits with 0, and nothing acknowledged is lost', async () => {
  const group = new ProcessGroup(household, await quietServers(names), household.folder())
  group.startAll()
  const ledger = new Ledger()
  const appender = new Appender('c', await household.connect(group.servers), ledger)
  await createDocuments(appender.cluster)
  const leader = await group.everybodyUp()
  let isOver = false
  const running = appender.run(16, () => isOver)
  await until('appends', () => ledger.acknowledged.size > 100)
  const leaving = group.process(leader)
  leaving.signal('SIGTERM')
  expect(await leaving.exited).toEqual({ code: 0, signal: null })
  const before = ledger.acknowledged.size
  await until('appends at the next leader', () => ledger.acknowledged.size > before + 100)
  isOver = true
  await running

  const others = group.processes.filter((process) => process !== leaving)
  const asked = firstLine(leaving, /^info SIGTERM: stopping/)
  const led = others
    .flatMap((process) => process.logged(/^info leader in term/))
    .filter(({ time }) => time >= asked.time)
  expect(led[0]?.time).toBeLessThan(asked.time + electionMsMin)
  const followed = leaving.logged(/^info follower in term/).filter(({ time }) => time >= asked.time)
  expect(followed.length).toBeGreaterThan(0)
  expect(leaving.log.at(-1)?.text).toBe(`info server ${leader} stopped: shut down in order`)
  const values = (await readAll(appender.cluster)).map(([, value]) => value)
  expect(ledger.size).toBe(ledger.acknowledged.size)
  expect([...values].sort()).toEqual([...ledger.acknowledged].sort())
})

test('a memory server leaves on SIGTERM, and whether it left or was killed its restart takes its place', async () => {
  const group = new ProcessGroup(household, await quietServers(names))
  group.startAll()
  const { documents } = await household.connect(group.servers)
  await documents.create('s', 'k', 'kept')
  const founders = await voters(group)
  expect(founders.length).toBe(3)

  const leader = await group.everybodyUp()
  group.process(leader).signal('SIGTERM')
  expect(await group.process(leader).exited).toEqual({ code: 0, signal: null })
  const left = await voters(group)
  expect(left.length).toBe(2)
  expect(left.some((id) => id.startsWith(`${leader}#`))).toBe(false)
  group.start(leader)
  const again = await refilled(group, [])
  expect(again.filter((id) => !founders.includes(id)).map((id) => id.split('#')[0])).toEqual([leader])

  const victim = names.find((name) => name !== leader) ?? ''
  await group.process(victim).kill()
  group.start(victim)
  const gone = again.filter((id) => id.startsWith(`${victim}#`))
  expect((await refilled(group, gone)).length).toBe(3)
  expect((await documents.get('s', 'k'))?.value).toBe('kept')
  await group.agreement()
})

test('a second SIGINT ends a server at once that has nobody to hand over to', async () => {
  const group = new ProcessGroup(household, await quietServers(names))
  group.startAll()
  const leader = await group.everybodyUp()
  for (const name of names) if (name !== leader) group.process(name).signal('SIGSTOP')
  const process = group.process(leader)
  process.signal('SIGINT')
  await until('the first signal to be heard', () => process.logged(/^info SIGINT: stopping/).length > 0)
  expect(process.isRunning).toBe(true)
  process.signal('SIGINT')
  expect(await process.exited).toEqual({ code: 130, signal: null })
  expect(process.logged(/ stopped: /)).toEqual([])
})
