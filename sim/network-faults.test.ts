import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Link } from '../core/wire/ids.ts'
import { isolate } from './grudge.ts'
import type { PathSettings } from './path.ts'
import { exact, one, Post } from './post.contract.ts'
import { createDice } from './prng.ts'

const always = 1_000_000

let post: Post
beforeEach(() => {
  post = new Post('network')
})

describe('faults', () => {
  it('strike at arrival: a cut takes what is under way and spares what arrives after it', () => {
    post.connect()
    post.send('a', 1, 1)
    post.network.paths.cut('a', 'b')
    post.run(3000)
    post.send('a', 1, 2)
    post.network.paths.heal('a', 'b')
    post.run(10_000)
    expect(post.frames).toEqual([2])
    expect(post.network.counters.cutDrops).toBe(1)
  })

  it('are directed: a cut one way leaves the other way open', () => {
    post.connect()
    post.network.paths.cut('a', 'b')
    post.send('a', 1, 1)
    post.send('b', -1, 2)
    post.run(10_000)
    expect(post.frames).toEqual([2])
    expect([post.network.paths.isCut('a', 'b'), post.network.paths.isCut('b', 'a')]).toEqual([true, false])
  })

  it('lose and duplicate frames without closing the connection, and count them', () => {
    post.connect()
    post.network.paths.configure('a', 'b', { ...exact, lossPerMillion: 300_000, duplicationPerMillion: 200_000 })
    const { counters } = post.network
    for (let i = 0; i < 2000; i++) post.send('a', 1, i % 256)
    post.run(100_000)
    expect(counters.lost).toBeGreaterThan(500)
    expect(counters.duplicated).toBeGreaterThan(200)
    expect(counters.delivered).toBe(2000 - counters.lost + counters.duplicated)
    expect(post.network.linkCount('a')).toBe(1)
  })

  it('draw from streams of their own: losing some frames moves no other', () => {
    const arrivals = (lossPerMillion: number): string[] => {
      post = new Post('streams')
      post.connect()
      post.network.paths.configureAll({ ...exact, latencyMeanUs: 5000, reorderPerMillion: 500_000, lossPerMillion })
      for (let i = 0; i < 200; i++) post.send('a', 1, i)
      post.run(1_000_000)
      return post.heard
    }
    const all = new Set(arrivals(0))
    const some = arrivals(300_000)
    expect(all.size).toBe(200)
    expect(some.length).toBeLessThan(180)
    expect(some.every((line) => all.has(line))).toBe(true)
  })

  it('never alter a frame: a flipped bit is found by the checksum and ends the connection on both sides', () => {
    let found = 0
    let stalled = 0
    for (let seed = 0; seed < 300; seed++) {
      post = new Post(`corrupt ${seed}`)
      post.connect()
      post.network.paths.configure('a', 'b', { ...exact, corruptionPerMillion: always })
      post.send('a', 1, 42)
      post.run()
      expect(post.frames).toEqual([])
      expect(post.network.counters.corrupted).toBe(1)
      expect(post.network.linkCount('a') + post.network.linkCount('b')).toBe(0)
      if (/b-1 closed (checksum|oversized)$/.test(post.heard[0] as string)) found++
      else if (/b-1 closed a frame took too long$/.test(post.heard[0] as string)) stalled++
      expect(post.heard.at(-1)).toMatch(/a1 closed reset/)
    }
    expect(found).toBeGreaterThan(200)
    expect(stalled).toBeGreaterThan(20)
    expect(found + stalled).toBe(300)
  })

  it('keep the order of a connection when reordering is off, however latencies vary', () => {
    post.connect()
    post.network.paths.configureAll({ ...exact, latencyMeanUs: 5000, tailPerMillion: 100_000, tailMeanUs: 50_000 })
    const numbers = Array.from({ length: 200 }, (_, i) => i)
    for (const number of numbers) {
      post.send('a', 1, number)
      post.run(post.scheduler.nowUs + 100)
    }
    post.network.close('a', one)
    post.run()
    expect(post.frames).toEqual(numbers)
    expect(post.network.counters.reordered).toBe(0)
  })

  it('reorder frames when told to, and count those that overtook', () => {
    post.connect()
    post.network.paths.configureAll({ ...exact, latencyMeanUs: 5000, reorderPerMillion: always })
    const numbers = Array.from({ length: 200 }, (_, i) => i)
    post.send('a', 1, ...numbers)
    post.run(1_000_000)
    expect(post.frames).not.toEqual(numbers)
    expect([...post.frames].sort((a, b) => a - b)).toEqual(numbers)
    expect(post.network.counters.reordered).toBeGreaterThan(100)
  })

  it('drop what exceeds the queue, and have room again when it is drained', () => {
    post.connect()
    post.network.paths.configureAll({ ...exact, queueFramesMax: 2 })
    post.send('a', 1, 1, 2, 3)
    post.run(3000)
    post.send('a', 1, 4)
    post.run(10_000)
    expect(post.frames).toEqual([1, 2, 4])
    expect(post.network.counters.overflowed).toBe(1)
  })

  it('give late frames their tail', () => {
    post.connect()
    post.network.paths.configureAll({ ...exact, tailPerMillion: always, tailMeanUs: 100_000 })
    post.send('a', 1, 1)
    post.run(3000)
    expect(post.frames).toEqual([])
    post.run(4_000_000)
    expect(post.frames).toEqual([1])
  })
})

describe('a clog', () => {
  it('delays what arrives until it ends, in order, even what arrives at its very end', () => {
    post.connect()
    post.network.paths.clog('a', 'b', 5000)
    post.send('a', 1, 1)
    post.run(6000)
    post.send('a', 1, 2)
    post.run(6999)
    expect(post.frames).toEqual([])
    post.run(10_000)
    expect(post.frames).toEqual([1, 2])
    expect(post.heard[0]).toBe('7000 b-1 frame 1')
    expect(post.network.counters.clogged).toBeGreaterThan(0)
  })

  it('is prolonged by a longer one and not cut short by a shorter one', () => {
    post.connect()
    post.network.paths.clog('a', 'b', 5000)
    post.network.paths.clog('a', 'b', 9000)
    post.network.paths.clog('a', 'b', 2000)
    post.send('a', 1, 1)
    post.run(10_999)
    expect(post.frames).toEqual([])
    post.run(11_000)
    expect(post.frames).toEqual([1])
  })

  it('loses what it held when a cut has begun meanwhile', () => {
    post.connect()
    post.network.paths.clog('a', 'b', 5000)
    post.send('a', 1, 1)
    post.run(4000)
    post.network.paths.cut('a', 'b')
    post.run(10_000)
    expect(post.frames).toEqual([])
    expect(post.network.counters.cutDrops).toBe(1)
  })

  it('ends with all cuts when everything is healed', () => {
    post.connect()
    post.network.paths.clog('a', 'b', 1_000_000)
    post.network.paths.impose(isolate('a', ['a', 'b', 'c']))
    post.send('a', 1, 1)
    post.run(4000)
    post.network.paths.healAll()
    post.run(4000)
    expect(post.heard).toEqual(['3000 b-1 frame 1'])
  })

  it('that covers a dial makes it late, or too late', () => {
    post.network.paths.clog('a', 'b', 10_000)
    post.network.dial('a', one, 'b:1')
    post.run(20_000)
    expect(post.heard).toEqual(['10000 b-1 accepted', '11000 a1 connected'])
    post.network.paths.clog('a', 'b', 5_000_000)
    post.network.dial('a', 2 as Link, 'b:1')
    post.run(4_000_000)
    expect(post.heard.at(-1)).toBe('3011000 a2 closed nobody answered in time')
  })
})

describe('a run', () => {
  const settings = fc.record({
    lossPerMillion: fc.constantFrom(0, 50_000),
    duplicationPerMillion: fc.constantFrom(0, 50_000),
    reorderPerMillion: fc.constantFrom(0, 500_000),
    corruptionPerMillion: fc.constantFrom(0, 5000),
    queueFramesMax: fc.constantFrom(5, 1000),
  })
  const storm = (seed: string, weather: Partial<PathSettings>): Post => {
    const world = new Post(seed)
    world.network.listen('a', 'a:1')
    const dice = createDice(`${seed} nemesis`)
    const calm = { ...exact, latencyMeanUs: 2000, ...weather }
    world.network.paths.configureAll(calm)
    for (let step = 1; step < 300; step++) {
      const [from, to] = dice.pick([
        ['a', 'b'],
        ['b', 'a'],
      ] as const)
      const deed = dice.intInclusive(0, 20)
      if (deed < 4) world.network.dial(from, step as Link, `${to}:1`)
      else if (deed === 4) world.network.paths.cut(from, to)
      else if (deed === 5) world.network.paths.clog(from, to, 7000)
      else if (deed === 6) world.network.paths.healAll()
      else if (deed === 7) {
        world.network.crash(from)
        world.network.listen(from, `${from}:1`)
      } else for (let link = -20; link < step; link++) if (link !== 0) world.send(from, link, step % 256)
      world.run(world.scheduler.nowUs + 1000)
    }
    world.network.paths.healAll()
    world.run()
    return world
  }

  it('is repeated exactly by the same seed, and every frame is accounted for', () => {
    fc.assert(
      fc.property(fc.nat(1000), settings, (seed, weather) => {
        const first = storm(`storm ${seed}`, weather)
        const second = storm(`storm ${seed}`, weather)
        expect(second.heard).toEqual(first.heard)
        expect(second.network.counters).toEqual(first.network.counters)
        expect(first.network.counters.delivered).toBe(first.frames.length)
        expect(first.network.paths.between('a', 'b').framesUnderWay).toBe(0)
        expect(first.network.paths.between('b', 'a').framesUnderWay).toBe(0)
      }),
      { seed: 3, numRuns: 20 },
    )
  })

  it('keeps one ending and one beginning per link, and nothing after the end', () => {
    for (let seed = 0; seed < 20; seed++) {
      const state = new Map<string, string>()
      for (const line of storm(`life ${seed}`, { reorderPerMillion: 500_000 }).heard) {
        const [, link, what] = line.split(' ') as [string, string, string]
        if (what === 'closed') expect(state.get(link)).not.toBe('closed')
        else if (what === 'frame') expect(state.get(link)).toMatch(/accepted|connected/)
        else expect(state.has(link)).toBe(false)
        state.set(link, what === 'frame' ? (state.get(link) as string) : what)
      }
    }
  })
})
