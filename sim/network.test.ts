import { beforeEach, describe, expect, it } from 'vitest'
import type { Link } from '../core/wire/ids.ts'
import { split } from './grudge.ts'
import { one, Post } from './post.contract.ts'

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
