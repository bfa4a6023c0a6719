import { describe, expect, test } from 'vitest'
import { Bench } from './bench.contract.ts'
import { TestClient } from './puppet.contract.ts'

/** A follower that comes back, on a disk that does nothing yet, and the kinds of messages that it has sent since. */
function restartOnHeldDisk() {
  const bench = Bench.formed(['a', 'b', 'c'], { durability: 'fsync' })
  const client = new TestClient(bench)
  client.send(1, 2)
  const { name } = bench.followers()[0] ?? bench.leader()
  bench.kill(name)
  const said = new Set<string | undefined>()
  bench.post = (letter) => {
    if (letter.from === name) said.add(letter.message?.kind)
    return [letter]
  }
  bench.holdsDisks = true
  const seat = bench.start(name)
  bench.pass(300)
  client.send(3)
  return { bench, seat, said }
}

describe('a server that comes back', () => {
  test('is in touch at once, since its folder says already who it is', () => {
    const { seat, said } = restartOnHeldDisk()
    expect([...said].sort()).toEqual(['hello', 'welcome'])
    expect(seat.status.leader).toBeDefined()
  })

  test('vouches for nothing before what it recovered is durable', () => {
    const { seat, said } = restartOnHeldDisk()
    expect(said).not.toContain('heartbeat-ack')
    expect(said).not.toContain('append-ack')
    seat.persist()
    expect(said).toContain('heartbeat-ack')
    expect(said).toContain('append-ack')
  })

  test('writes no identity again', () => {
    const { bench, seat } = restartOnHeldDisk()
    const files: string[] = []
    seat.folder.fault = (op) => {
      files.push(op.file)
      return undefined
    }
    seat.persist()
    bench.pass(300)
    expect(files).not.toEqual([])
    expect(files.filter((file) => !file.startsWith('wal-'))).toEqual([])
  })
})
