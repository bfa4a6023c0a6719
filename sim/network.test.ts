import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Link } from '../core/wire/ids.ts'
import type { LinkInput } from '../core/wire/link.ts'
import { bridge, isolate, majoritiesRing, oneWay, split } from './grudge.ts'
import { Network } from './network.ts'
import type { NetworkEvent } from './network-event.ts'
import { calmPath, type PathSettings } from './path.ts'
import { createDice } from './prng.ts'
import { Scheduler } from './scheduler.ts'

const exact: PathSettings = { ...calmPath, latencyMinUs: 1000, latencyMeanUs: 0 }
const always = 1_000_000
const one = 1 as Link

/** A world of hosts that do nothing but note what they hear. */
class Post {
  readonly scheduler = new Scheduler<NetworkEvent>()
  readonly heard: string[] = []
  readonly frames: number[] = []
  readonly network: Network
  answer: (host: string, input: LinkInput) => void = () => {}

  constructor(seed: string) {
    this.network = new Network({
      dice: createDice(seed),
      nowUs: () => this.scheduler.nowUs,
      schedule: (delayUs, event) => this.scheduler.schedule(this.scheduler.nowUs + delayUs, event),
      input: (host, input) => this.#hear(host, input),
    })
    this.network.paths.configureAll(exact)
    this.network.listen('b', 'b:1')
  }

  /** Lets time pass until `untilUs`, or until nothing is under way. */
  run(untilUs = Number.POSITIVE_INFINITY): void {
    for (let atUs = this.scheduler.peekAtUs(); atUs !== undefined && atUs <= untilUs; ) {
      const event = this.scheduler.next()
      if (event !== undefined) this.network.deliver(event)
      atUs = this.scheduler.peekAtUs()
    }
  }

  /** Connects link 1 of `a` with link -1 of `b`, both admitted. */
  connect(): void {
    this.network.dial('a', one, 'b:1')
    this.run(this.scheduler.nowUs + 2000)
    this.network.admit('a', one)
    this.network.admit('b', -1 as Link)
    this.heard.length = 0
  }

  send(host: string, link: number, ...numbers: number[]): void {
    for (const number of numbers) this.network.send(host, link as Link, Uint8Array.of(number))
  }

  #hear(host: string, input: LinkInput): void {
    const what = input.kind === 'frame' ? `frame ${input.frame.join(' ')}` : input.kind
    const why = input.kind === 'closed' ? ` ${input.refused ? 'refused' : input.reason}` : ''
    this.heard.push(`${this.scheduler.nowUs} ${host}${input.link} ${what}${why}`)
    if (input.kind === 'frame') this.frames.push(input.frame[0] as number)
    this.answer(host, input)
  }
}

let post: Post
beforeEach(() => {
  post = new Post('network')
})

describe('connections', () => {
  it('open after a round trip and carry frames both ways', () => {
    post.network.dial('a', one, 'b:1')
    post.run(2000)
    post.send('a', 1, 7)
    post.send('b', -1, 8)
    post.run(4000)
    expect(post.heard).toEqual(['1000 b-1 accepted', '2000 a1 connected', '3000 b-1 frame 7', '3000 a1 frame 8'])
    expect(post.network.counters).toMatchObject({ delivered: 2, bytes: 2, dials: 1, strays: 0 })
  })

  it('are refused after a round trip where nobody listens, or nobody does any more', () => {
    post.network.dial('a', one, 'c:1')
    post.network.unlisten('b:1')
    post.network.dial('a', 2 as Link, 'b:1')
    post.run()
    expect(post.heard).toEqual(['2000 a1 closed refused', '2000 a2 closed refused'])
    expect(post.network.counters.refused).toBe(2)
  })

  it('time out while either direction is cut', () => {
    post.network.paths.cut('a', 'b')
    post.network.dial('a', one, 'b:1')
    post.run()
    post.network.paths.lift([['a', 'b']])
    post.network.paths.cut('b', 'a')
    post.network.dial('a', 2 as Link, 'b:1')
    post.run(3_000_000 + 3_000_000)
    expect(post.heard).toEqual([
      '3000000 a1 closed nobody answered in time',
      '3001000 b-1 accepted',
      '6000000 a2 closed nobody answered in time',
    ])
  })

  it('number accepted links downward, and never use a number again', () => {
    for (let link = 1; link <= 3; link++) {
      post.network.dial('a', link as Link, 'b:1')
      post.run(post.scheduler.nowUs + 2000)
      post.network.close('b', -link as Link)
    }
    expect(post.heard.filter((line) => line.includes('accepted'))).toHaveLength(3)
    expect(post.heard.map((line) => line.split(' ')[1])).toContain('b-3')
    expect(post.network.linkCount('b')).toBe(0)
  })

  it('end behind what was sent, and only the other side hears it', () => {
    post.connect()
    post.send('a', 1, 1, 2)
    post.network.close('a', one)
    post.network.close('a', one)
    post.send('a', 1, 3)
    post.run()
    expect(post.heard).toEqual(['3000 b-1 frame 1', '3000 b-1 frame 2', '3000 b-1 closed closed by the other side'])
    expect(post.network.counters.strays).toBe(1)
    expect(post.network.linkCount('a') + post.network.linkCount('b')).toBe(0)
  })

  it('yield nothing for a link that its host closed, whatever is still under way', () => {
    post.connect()
    post.send('b', -1, 1, 2)
    post.network.close('a', one)
    post.run()
    expect(post.heard.filter((line) => line.includes(' a1 '))).toEqual([])
  })

  it('let a host close a link while it hears from it', () => {
    post.connect()
    post.answer = (host, input) => {
      if (input.kind === 'frame') post.network.close(host, input.link)
    }
    post.send('a', 1, 1, 2)
    post.run()
    expect(post.frames).toEqual([1])
    expect(post.heard.at(-1)).toBe('4000 a1 closed closed by the other side')
  })

  it('break when the handshake takes too long, unless they were admitted', () => {
    post.network.dial('a', one, 'b:1')
    post.run(2000)
    post.network.admit('a', one)
    post.run()
    expect(post.heard.slice(2)).toEqual(['5001000 b-1 closed the handshake took too long', '5002000 a1 closed reset'])
  })

  it('refuse a large frame from a stranger and take it once admitted', () => {
    post.network.dial('a', one, 'b:1')
    post.network.dial('a', 2 as Link, 'b:1')
    post.run(2000)
    post.network.admit('b', -2 as Link)
    const large = new Uint8Array(20_000).fill(9)
    post.network.send('a', one, large)
    post.network.send('a', 2 as Link, large)
    post.run(4000)
    expect(post.heard.some((line) => line === '3000 b-1 closed oversized')).toBe(true)
    expect(post.network.counters).toMatchObject({ rejected: 1, delivered: 1, bytes: 20_000 })
  })

  it('break on both sides when they are severed', () => {
    post.connect()
    post.network.sever('a', 'c')
    post.network.sever('a', 'b')
    post.run()
    expect(post.heard).toEqual(['2000 a1 closed severed', '3000 b-1 closed reset'])
  })
})

describe('a crash', () => {
  it('resets the peers after a delay and leaves an address that refuses', () => {
    post.connect()
    post.network.crash('b')
    post.run(3000)
    expect(post.heard).toEqual(['3000 a1 closed reset'])
    post.network.dial('a', 2 as Link, 'b:1')
    post.run()
    expect(post.heard.at(-1)).toBe('5000 a2 closed refused')
  })

  it('stays unknown behind a cut until later traffic draws a reset', () => {
    post.connect()
    post.network.paths.cut('b', 'a')
    post.network.crash('b')
    post.run(1_000_000)
    expect(post.heard).toEqual([])
    post.network.paths.heal('b', 'a')
    post.network.listen('b', 'b:1')
    post.send('a', 1, 1, 2)
    post.run()
    expect(post.heard.map((line) => line.slice(line.indexOf(' ') + 1))).toEqual(['a1 closed reset'])
    expect(post.network.counters).toMatchObject({ resets: 1, strays: 2 })
  })

  it('draws a second reset when a cut swallowed the first', () => {
    post.connect()
    post.network.paths.impose(split(['a'], ['b']))
    post.network.crash('b')
    post.run(1_000_000)
    post.network.paths.heal('a', 'b')
    post.send('a', 1, 1)
    post.run(1_500_000)
    post.network.paths.heal('b', 'a')
    post.send('a', 1, 2)
    post.run()
    expect(post.heard).toHaveLength(1)
    expect(post.heard[0]).toMatch(/a1 closed reset/)
  })

  it('lets nothing of the dead process reach the next one on its host', () => {
    post.connect()
    post.send('a', 1, 1)
    post.network.crash('b')
    post.network.listen('b', 'b:1')
    post.network.dial('a', 2 as Link, 'b:1')
    post.run(10_000)
    expect(post.frames).toEqual([])
    expect(post.heard.some((line) => line.endsWith('b-2 accepted'))).toBe(true)
  })

  it('of the dialler is told to the acceptor that answers it', () => {
    post.network.dial('a', one, 'b:1')
    post.network.crash('a')
    post.run(10_000)
    expect(post.heard).toEqual(['1000 b-1 accepted', '3000 b-1 closed reset'])
  })
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

describe('grudges', () => {
  const hosts = ['a', 'b', 'c', 'd', 'e']
  const reaches = (grudge: readonly (readonly [string, string])[], from: string) =>
    hosts.filter((to) => !grudge.some(([a, b]) => a === from && b === to)).join('')

  it('cut one way, in halves, or around one host', () => {
    expect(oneWay(['a'], ['a', 'b'])).toEqual([['a', 'b']])
    const halves = split(['a', 'b'], ['c', 'd', 'e'])
    expect(hosts.map((host) => reaches(halves, host))).toEqual(['ab', 'ab', 'cde', 'cde', 'cde'])
    const alone = isolate('c', hosts)
    expect(hosts.map((host) => reaches(alone, host))).toEqual(['abde', 'abde', 'c', 'abde', 'abde'])
  })

  it('leave one host that reaches both halves of a bridge', () => {
    const grudge = bridge('c', ['a', 'b', 'c'], ['d', 'e'])
    expect(hosts.map((host) => reaches(grudge, host))).toEqual(['abc', 'abc', 'abcde', 'cde', 'cde'])
  })

  it('give every host of a ring a majority, each another one', () => {
    const grudge = majoritiesRing(hosts)
    expect(hosts.map((host) => reaches(grudge, host))).toEqual(['abe', 'abc', 'bcd', 'cde', 'ade'])
    expect(majoritiesRing(['a', 'b', 'c'])).toEqual([])
    expect(() => majoritiesRing(['a', 'b'])).toThrow(/ring/)
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
