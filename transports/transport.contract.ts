import { afterEach, describe, expect, test } from 'vitest'
import { handshakeBytesMax } from '../core/wire/framer.ts'
import type { Link } from '../core/wire/ids.ts'
import { type LinkParty, linkContract } from '../core/wire/link.contract.ts'
import type { LinkInput } from '../core/wire/link.ts'
import type { Transport, TransportOptions } from './transport.ts'

/** One side of the stage: a transport, and what its host heard. */
export interface Party {
  readonly transport: Transport
  readonly inputs: LinkInput[]
}

export interface Stage {
  readonly a: Party
  readonly b: Party
  /** Where a party can listen. */
  readonly listenAddress: string
  /** An address at which nobody listens. */
  readonly deadAddress: string
  /** Lets what is under way come one step further; a simulated network steps here. */
  settle(): Promise<void>
}

/** Makes two parties that can reach each other; short deadlines are given where a test needs them. */
export type MakeStage = (options: Partial<TransportOptions>) => Promise<Stage>

/** What every transport must do, whatever it is made of. */
export function transportContract(name: string, makeStage: MakeStage): void {
  linkContract(name, async (options) => {
    const stage = await makeStage(options)
    const { host, port } = await stage.b.transport.listen(stage.listenAddress)
    const { deadAddress } = stage
    return {
      a: linkParty(stage.a),
      b: linkParty(stage.b),
      address: `${host}:${port}`,
      deadAddress,
      settle: () => stage.settle(),
      end: async () => {
        await Promise.all([stage.a.transport.shutdown(), stage.b.transport.shutdown()])
      },
    }
  })
  describe(`${name} as a transport`, () => {
    let stage: Stage
    afterEach(() => Promise.all([stage.a.transport.shutdown(), stage.b.transport.shutdown()]))

    async function until(isReached: () => boolean): Promise<void> {
      for (let step = 0; step < 5_000 && !isReached(); step++) await stage.settle()
      expect(isReached(), `inputs of a: ${show(stage.a)}; of b: ${show(stage.b)}`).toBe(true)
    }

    /** Lets everything come that is under way. */
    async function quiet(): Promise<void> {
      for (let step = 0; step < 20; step++) await stage.settle()
    }

    /** `a` dials a listening `b`: gives the link's number on both sides. */
    async function connect(
      options: Partial<TransportOptions> = {},
    ): Promise<{ near: Link; far: Link; address: string }> {
      stage = await makeStage(options)
      const { host, port } = await stage.b.transport.listen(stage.listenAddress)
      const address = `${host}:${port}`
      return { ...(await dial(1, address)), address }
    }

    async function dial(number: number, address: string): Promise<{ near: Link; far: Link }> {
      const acceptedBefore = of(stage.b, 'accepted').length
      stage.a.transport.dial(number as Link, address)
      await until(() => of(stage.a, 'connected').some((input) => input.link === number))
      await until(() => of(stage.b, 'accepted').length > acceptedBefore)
      return { near: number as Link, far: of(stage.b, 'accepted')[acceptedBefore]?.link ?? (0 as Link) }
    }

    async function connectAdmitted(options: Partial<TransportOptions> = {}) {
      const ends = await connect(options)
      stage.a.transport.admit(ends.near)
      stage.b.transport.admit(ends.far)
      return ends
    }

    function sendAll(party: Party, link: Link, frames: readonly Uint8Array[]): void {
      for (const frame of frames) party.transport.send(link, frame)
      party.transport.flush()
    }

    test('connects, and numbers what it accepts from -1 downwards', async () => {
      const { far, address } = await connect()
      expect(far).toBe(-1)
      expect((await dial(2, address)).far).toBe(-2)
      expect(of(stage.b, 'accepted')[0]?.remote).toMatch(/.+:\d+$/)
    })

    test('reports nothing from inside a call', async () => {
      stage = await makeStage({ sendBytesMax: 100 })
      const { a, b } = stage
      const { host, port } = await b.transport.listen(stage.listenAddress)
      a.transport.dial(1 as Link, stage.deadAddress)
      a.transport.dial(2 as Link, 'no address at all')
      a.transport.dial(3 as Link, `${host}:${port}`)
      expect(a.inputs).toEqual([])
      await until(() => a.inputs.length === 3)
      sendAll(a, 3 as Link, [new Uint8Array(200)])
      expect(a.inputs.length).toBe(3)
      await until(() => of(a, 'closed').length === 3)
    })

    test('sends nothing before the flush, and what one turn sent in one write', async () => {
      const { near } = await connectAdmitted()
      const frames = Array.from({ length: 5_000 }, (_, i) => Uint8Array.of(i, i >> 8, 1))
      for (const frame of frames) stage.a.transport.send(near, frame)
      await quiet()
      expect(of(stage.b, 'frame')).toEqual([])
      expect(stage.a.transport.stats.writes).toBe(0)
      stage.a.transport.flush()
      await until(() => of(stage.b, 'frame').length === frames.length)
      expect(of(stage.b, 'frame').map((input) => input.frame)).toEqual(frames)
      expect(stage.a.transport.stats).toMatchObject({ writes: 1, framesOut: 5_000, bytesOut: 5_000 * 11 })
      expect(stage.b.transport.stats).toMatchObject({ framesIn: 5_000, bytesIn: 5_000 * 11 })
    })

    test('keeps what is sent while the link is still opening', async () => {
      stage = await makeStage({})
      const { host, port } = await stage.b.transport.listen(stage.listenAddress)
      stage.a.transport.dial(1 as Link, `${host}:${port}`)
      sendAll(stage.a, 1 as Link, [Uint8Array.of(1), Uint8Array.of(2)])
      await until(() => of(stage.b, 'frame').length === 2)
      expect(of(stage.b, 'frame').map((input) => input.frame)).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
    })

    test('before the link is admitted takes a small frame and closes it at a larger one', async () => {
      const { near, far } = await connect()
      sendAll(stage.a, near, [new Uint8Array(handshakeBytesMax)])
      await until(() => of(stage.b, 'frame').length === 1)
      sendAll(stage.a, near, [new Uint8Array(handshakeBytesMax + 1)])
      await until(() => of(stage.b, 'closed').length === 1)
      expect(of(stage.b, 'closed')).toEqual([
        { kind: 'closed', link: far, refused: false, reason: 'a frame exceeds its size limit' },
      ])
      await until(() => of(stage.a, 'closed').length === 1)
      expect(stage.b.transport.stats.oversized).toBe(1)
    })

    test('says refused when nobody listens, and only then', async () => {
      stage = await makeStage({})
      stage.a.transport.dial(1 as Link, stage.deadAddress)
      stage.a.transport.dial(2 as Link, 'no address at all')
      await until(() => of(stage.a, 'closed').length === 2)
      const byLink = new Map(of(stage.a, 'closed').map((input) => [input.link, input]))
      expect(byLink.get(1 as Link)?.refused).toBe(true)
      expect(byLink.get(2 as Link)).toMatchObject({ refused: false, reason: expect.stringContaining('accepted are') })
      expect(stage.a.transport.stats).toMatchObject({ links: 0, heldBytes: 0 })
    })

    test('delivers what was sent before a close, then the close, once', async () => {
      const { near, far } = await connectAdmitted()
      stage.a.transport.send(near, Uint8Array.of(1))
      stage.a.transport.send(near, new Uint8Array(100_000))
      stage.a.transport.close(near, 'enough')
      await until(() => of(stage.b, 'closed').length > 0)
      await quiet()
      expect(stage.b.inputs.map((input) => input.kind)).toEqual(['accepted', 'frame', 'frame', 'closed'])
      expect(of(stage.b, 'closed')[0]).toMatchObject({ link: far, refused: false })
      await until(() => stage.a.transport.stats.links === 0 && stage.b.transport.stats.links === 0)
    })

    test('tells the host nothing of a dial that it closed before it was open', async () => {
      stage = await makeStage({})
      stage.a.transport.dial(1 as Link, stage.deadAddress)
      stage.a.transport.dial(2 as Link, 'no address at all')
      stage.a.transport.close(1 as Link, 'changed my mind')
      stage.a.transport.close(2 as Link, 'changed my mind')
      await quiet()
      expect(stage.a.inputs).toEqual([])
      expect(stage.a.transport.stats.links).toBe(0)
    })

    test('takes every call on a link that is gone, and does nothing', async () => {
      const { near } = await connectAdmitted()
      const { transport, inputs } = stage.a
      transport.close(near, 'enough')
      transport.send(near, Uint8Array.of(1))
      transport.admit(near)
      transport.close(near, 'again')
      transport.send(99 as Link, Uint8Array.of(1))
      transport.flush()
      expect(transport.backlog(near)).toBe(0)
      await until(() => of(stage.b, 'closed').length === 1)
      await quiet()
      expect(of(stage.b, 'frame')).toEqual([])
      expect(inputs.length).toBe(1)
    })

    test('stops in the middle of a chunk when the host closes the link at a frame', async () => {
      const { near, far } = await connectAdmitted()
      const { b } = stage
      const push = b.inputs.push.bind(b.inputs)
      b.inputs.push = (...inputs) => {
        if (inputs[0]?.kind === 'frame') b.transport.close(far, 'one is enough')
        return push(...inputs)
      }
      sendAll(stage.a, near, [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
      await until(() => of(stage.a, 'closed').length === 1)
      expect(of(b, 'frame').length).toBe(1)
    })

    test('stops in the middle of a chunk when the answer to a frame overflows', async () => {
      const { near, far } = await connectAdmitted({ sendBytesMax: 100 })
      const { b } = stage
      const push = b.inputs.push.bind(b.inputs)
      b.inputs.push = (...inputs) => {
        if (inputs[0]?.kind === 'frame') b.transport.send(far, new Uint8Array(200))
        return push(...inputs)
      }
      sendAll(stage.a, near, [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
      await until(() => of(b, 'closed').length === 1)
      expect(b.inputs.map((input) => input.kind)).toEqual(['accepted', 'frame', 'closed'])
    })

    test('counts the backlog and closes a link whose backlog exceeds its bound', async () => {
      const { near } = await connectAdmitted({ sendBytesMax: 1_000 })
      const { transport } = stage.a
      transport.send(near, new Uint8Array(492))
      expect(transport.backlog(near)).toBe(500)
      transport.send(near, new Uint8Array(493))
      transport.send(near, new Uint8Array(1))
      transport.flush()
      await until(() => of(stage.a, 'closed').length === 1)
      expect(of(stage.a, 'closed')[0]).toMatchObject({ unread: true, reason: expect.stringContaining('does not read') })
      expect(transport.stats).toMatchObject({ overflows: 1, links: 0, heldBytes: 0 })
      await until(() => of(stage.b, 'closed').length === 1)
      expect(of(stage.b, 'frame')).toEqual([])
    })

    test('says nothing of an overflow when the host closes the link in the same turn', async () => {
      const { near } = await connectAdmitted({ sendBytesMax: 100 })
      stage.a.transport.send(near, new Uint8Array(200))
      stage.a.transport.close(near, 'enough')
      await until(() => of(stage.b, 'closed').length === 1)
      await quiet()
      expect(of(stage.a, 'closed')).toEqual([])
    })

    test('ends a link that is not admitted in time, and none that is', async () => {
      const { near, far, address } = await connect({ handshakeMs: 60 })
      stage.a.transport.admit(near)
      stage.b.transport.admit(far)
      const late = await dial(2, address)
      stage.a.transport.admit(late.near)
      await until(() => of(stage.b, 'closed').length === 1)
      expect(of(stage.b, 'closed')[0]).toMatchObject({ link: late.far, reason: 'the handshake took too long' })
      expect(stage.b.transport.stats).toMatchObject({ handshakeTimeouts: 1, links: 1, halfOpen: 0 })
      sendAll(stage.a, near, [Uint8Array.of(1)])
      await until(() => of(stage.b, 'frame').length === 1)
    })

    test('turns away what exceeds the half-open links of one host, until one is admitted or gone', async () => {
      const first = await connect({ halfOpenMax: 2 })
      const second = await dial(2, first.address)
      stage.a.transport.dial(3 as Link, first.address)
      await until(() => of(stage.a, 'closed').length === 1)
      expect(of(stage.a, 'closed')[0]).toMatchObject({ link: 3, refused: false })
      expect(stage.b.transport.stats).toMatchObject({ halfOpenRefused: 1, halfOpen: 2 })
      expect(of(stage.b, 'accepted').length).toBe(2)
      stage.b.transport.admit(first.far)
      await dial(4, first.address)
      stage.b.transport.close(second.far, 'no')
      await until(() => stage.b.transport.stats.halfOpen === 1)
      await dial(5, first.address)
    })

    test('turns away what exceeds the accepted links of all', async () => {
      const { address } = await connectAdmitted({ acceptedMax: 1 })
      stage.a.transport.dial(2 as Link, address)
      await until(() => of(stage.a, 'closed').length === 1)
      expect(stage.b.transport.stats).toMatchObject({ acceptedRefused: 1, accepted: 1 })
    })

    test('says clearly that an address is taken', async () => {
      const { address } = await connect()
      await expect(stage.a.transport.listen(address)).rejects.toThrow(`cannot listen on ${address}: another`)
      await expect(stage.a.transport.listen('7400')).rejects.toThrow('accepted are')
      expect((await stage.a.transport.listen(stage.listenAddress)).port).toBeGreaterThan(0)
    })

    test('on shutdown delivers what was sent, frees its address and falls silent', async () => {
      const { near, far, address } = await connectAdmitted()
      stage.b.transport.send(far, Uint8Array.of(1))
      stage.b.transport.dial(7 as Link, stage.deadAddress)
      const heard = stage.b.inputs.length
      await Promise.all([stage.b.transport.shutdown(), until(() => of(stage.a, 'closed').length === 1)])
      expect(stage.a.inputs.map((input) => input.kind)).toEqual(['connected', 'frame', 'closed'])
      expect(stage.b.transport.stats.links).toBe(0)
      stage.a.transport.send(near, Uint8Array.of(1))
      await stage.b.transport.shutdown()
      stage.a.transport.dial(2 as Link, address)
      await until(() => of(stage.a, 'closed').length === 2)
      expect(of(stage.a, 'closed')[1]).toMatchObject({ link: 2, refused: true })
      expect(stage.b.inputs.length).toBe(heard)
    })
  })
}

function linkParty({ transport, inputs }: Party): LinkParty {
  return {
    inputs,
    dial: (link, address) => transport.dial(link, address),
    send: (link, frame) => transport.send(link, frame),
    flush: () => transport.flush(),
    admit: (link) => transport.admit(link),
    close: (link) => transport.close(link, 'the test ends it'),
  }
}

function of<Kind extends LinkInput['kind']>(party: Party, kind: Kind): Extract<LinkInput, { readonly kind: Kind }>[] {
  return party.inputs.filter((input): input is Extract<LinkInput, { readonly kind: Kind }> => input.kind === kind)
}

function show(party: Party): string {
  return party.inputs
    .map((input) => `${input.kind} ${input.link}${input.kind === 'closed' ? ` ${input.reason}` : ''}`)
    .join(', ')
}
