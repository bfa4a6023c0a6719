import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeMessage } from '../../core/wire/codec.ts'
import { encodeFrame, handshakeBytesMax } from '../../core/wire/framer.ts'
import type { Cluster } from '../cluster.ts'
import { Household, ProcessGroup, pause, quietServers } from './process-group.contract.ts'
import { hello, RawClient } from './raw-client.contract.ts'
import type { CommandProcess } from './serve-process.contract.ts'

const household = new Household()
const raws = new Set<RawClient>()
let address = ''
let server: CommandProcess
let cluster: Cluster
/** How often it had dialled before the group had formed. */
let reconnects = 0

beforeAll(async () => {
  const group = new ProcessGroup(household, await quietServers(['a']))
  server = group.start('a')
  address = group.servers.a ?? ''
  cluster = await household.connect(group.servers)
  await cluster.documents.create('s', 'counter', { n: 0 })
  reconnects = cluster.stats().reconnects
})

afterAll(async () => {
  for (const raw of raws) raw.destroy()
  await household.end()
})

async function open(): Promise<RawClient> {
  const raw = await RawClient.connect(address)
  raws.add(raw)
  void raw.closed.then(() => raws.delete(raw))
  return raw
}

/** Somebody else's connection works, and is still the one it had at the beginning. */
async function othersAreServed(): Promise<void> {
  const increment = { op: 'increment', path: ['n'] } as const
  const { results } = await cluster.documents.transact([{ space: 's', key: 'counter', ops: [increment] }])
  expect(results.length).toBe(1)
  expect(cluster.stats()).toMatchObject({ reconnects, registered: 1 })
  expect(server.isRunning).toBe(true)
}

/** Bytes that look random and are the same in every run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

function header(length: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, length, true)
  return bytes
}

const helloFrame = encodeFrame(encodeMessage(hello()))
const queryFrame = encodeFrame(encodeMessage({ kind: 'status-query' }))
const flipped = helloFrame.slice()
flipped.set([(flipped.at(-1) ?? 0) ^ 1], flipped.length - 1)

/** Bytes after which a server has heard enough. */
const abuses: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ['a frame that claims to be longer than a stranger may send', header(handshakeBytesMax + 1)],
  ['a frame that claims four gigabytes', header(0xffff_ffff)],
  ['an empty frame', header(0)],
  ['a hello with a flipped bit', flipped],
  ['a whole frame that is no message', encodeFrame(noise(40, 1))],
  ['a hello with more behind it in its frame', encodeFrame(new Uint8Array([...encodeMessage(hello()), 0]))],
  ['noise', noise(100_000, 2)],
  ['a request of another protocol', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a hello and then noise', new Uint8Array([...helloFrame, ...noise(64, 3)])],
]

describe('a server that is sent nonsense', () => {
  test.each(abuses)('closes a connection with %s, and that one alone', async (_, bytes) => {
    const raw = await open()
    raw.write(bytes)
    await raw.closed
    await othersAreServed()
  })

  test('understands frames however they are split', async () => {
    const bytes = new Uint8Array([...helloFrame, ...queryFrame])
    for (let at = 1; at < bytes.length; at++) {
      const raw = await open()
      raw.write(bytes.subarray(0, at))
      await new Promise((resolve) => setImmediate(resolve))
      raw.write(bytes.subarray(at))
      await raw.heard(2)
      expect(raw.messages.map((message) => message.kind)).toEqual(['welcome', 'status'])
      raw.destroy()
    }
    const slow = await open()
    for (const byte of bytes) {
      slow.write(Uint8Array.of(byte))
      await pause(1)
    }
    await slow.heard(2)
    await othersAreServed()
  })

  test('gives up a stranger who says nothing, too little or the wrong thing for too long', async () => {
    const silent = await open()
    const halting = await open()
    const rude = await open()
    halting.write(helloFrame.subarray(0, -1))
    rude.send({ kind: 'status-query' })
    const dripping = await open()
    const drip = setInterval(() => dripping.write(Uint8Array.of(1, 0, 0)), 500)
    await Promise.all([silent.closed, halting.closed, rude.closed, dripping.closed])
    clearInterval(drip)
    expect([silent, halting, rude].flatMap((raw) => raw.messages)).toEqual([])
    await othersAreServed()
  })

  test('keeps nothing of two thousand bad connections', async () => {
    await abuse(1000, 0)
    const before = residentBytes()
    await abuse(2000, 1000)
    expect(residentBytes() - before).toBeLessThan(40 * 1024 * 1024)
    await othersAreServed()
  })
})

/** Bad connections, some at a time: each of the abuses, and frames that end in the middle. */
async function abuse(count: number, seed: number): Promise<void> {
  const atOnce = 20
  for (let i = 0; i < count; i += atOnce) {
    await Promise.all(Array.from({ length: atOnce }, (_, lane) => abuseOnce(seed + i + lane)))
  }
}

async function abuseOnce(number: number): Promise<void> {
  const raw = await open()
  const [, bytes] = abuses[number % (abuses.length + 1)] ?? []
  if (bytes !== undefined) raw.write(bytes)
  else {
    raw.write(encodeFrame(noise(10_000, number)).subarray(0, 9000))
    raw.end()
  }
  await raw.closed
}

function residentBytes(): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}
