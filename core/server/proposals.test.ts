import { describe, expect, test } from 'vitest'
import { encodeCommand } from '../wire/command-codec.ts'
import { frameBytesMax } from '../wire/framer.ts'
import { atomGraph, encodeGraph } from '../wire/graph-codec.ts'
import { Bench } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

/** A request that creates a document of about this many bytes. */
function large(client: TestClient, number: number, bytes: number): Uint8Array {
  const value = encodeGraph(atomGraph('x'.repeat(bytes)))
  const write = { kind: 'create', space: 's', key: `k${number}`, value } as const
  const body = { kind: 'transaction', after: [], reads: [], writes: [write] } as const
  return encodeCommand({ kind: 'request', client: client.client, number, ackedBelow: 1, body })
}

describe('proposals', () => {
  test('that come in one turn share one run', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    const before = bench.leader().status.last
    client.send(1, 2, 3)
    const { log } = bench.leader().replica
    expect(log.slice(before + 1, log.lastIndex, 1_000_000).map(({ count }) => count)).toEqual([3])
  })

  test('are cut into runs, so that an append always fits a frame', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    let largest = 0
    bench.post = (letter) => {
      largest = Math.max(largest, letter.frame.length)
      return [letter]
    }
    // A frame each, but one turn of the server for all of them.
    const requests = [1, 2, 3, 4, 5, 6].map((number) => large(client, number, 900_000))
    client.puppet.say(client.link, ...requests.map((command) => ({ kind: 'requests', commands: [command] }) as const))
    expect(client.numbers()).toEqual([1, 2, 3, 4, 5, 6])
    expect(largest).toBeGreaterThan(900_000)
    expect(largest).toBeLessThan(frameBytesMax / 2)
  })

  test('are refused one by one when the log has no room, and nothing of a request stays', () => {
    const bench = Bench.formed(['a', 'b', 'c'], { limits: { uncommittedBytesMax: 2000 } })
    const client = new TestClient(bench)
    bench.post = (letter) => (letter.message?.kind === 'append' ? [] : [letter])
    client.sendCommands([large(client, 1, 900), large(client, 2, 900), large(client, 3, 900)])
    expect(client.codes()).toEqual(['BUSY'])
    bench.post = (letter) => [letter]
    bench.pass(300)
    expect(client.numbers()).toEqual([1, 2])
    client.sendCommands([large(client, 3, 900)])
    expect(client.numbers()).toEqual([3])
  })

  test('that were taken when leadership begins to be handed over are appended when that fails', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    const leader = bench.leader()
    // The order comes between the request and the end of the turn, and whoever should take over never hears of it.
    bench.post = (letter) => (letter.message?.kind === 'timeout-now' ? [] : [letter])
    bench.alsoInTurn = (seat) => (seat === leader ? [{ kind: 'transfer', to: undefined }] : [])
    client.send(1, 2)
    bench.alsoInTurn = () => []
    expect(leader.replica.isTransferring).toBe(true)
    expect(client.numbers()).toEqual([])
    bench.pass(1200)
    expect(bench.leader()).toBe(leader)
    client.send(3)
    expect(client.numbers()).toEqual([1, 2, 3])
  })

  test('move cluster time by the time since the last of them', () => {
    const bench = Bench.formed()
    const client = new TestClient(bench)
    client.send(1)
    const { clockMs } = bench.leader().machine.core.state
    client.liveFor(3000)
    client.send(2)
    expect(bench.leader().machine.core.state.clockMs).toBe(clockMs + 3000)
  })
})
