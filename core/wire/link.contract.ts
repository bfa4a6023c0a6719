import { afterEach, describe, expect, test } from 'vitest'
import { frameBytesMax, handshakeBytesMax } from './framer.ts'
import type { Link } from './ids.ts'
import type { LinkInput } from './link.ts'

/** One side of the stage: a host's way to its links, and what it heard of them. */
export interface LinkParty {
  readonly inputs: LinkInput[]
  dial(link: Link, address: string): void
  send(link: Link, frame: Uint8Array): void
  /** Ends the host's turn, where a transport waits for that. */
  flush(): void
  admit(link: Link): void
  close(link: Link): void
}

export interface LinkStage {
  readonly a: LinkParty
  readonly b: LinkParty
  /** Where `b` listens. */
  readonly address: string
  /** Where nobody does. */
  readonly deadAddress: string
  /** Lets what is under way come one step further. */
  settle(): Promise<void>
  end(): Promise<void>
}

/**
 * What machines rely on, whatever carries their frames: real sockets, memory, or the simulated network on a calm day.
 */
export function linkContract(name: string, makeStage: (options: { handshakeMs: number }) => Promise<LinkStage>): void {
  describe(`${name} as a carrier of links`, () => {
    let stage: LinkStage
    afterEach(() => stage.end())

    async function until(isReached: () => boolean): Promise<void> {
      for (let step = 0; step < 5_000 && !isReached(); step++) await stage.settle()
      expect(isReached(), `a heard ${show(stage.a)}; b heard ${show(stage.b)}`).toBe(true)
    }

    async function quiet(): Promise<void> {
      for (let step = 0; step < 20; step++) await stage.settle()
    }

    async function connect(handshakeMs = 5_000): Promise<{ near: Link; far: Link }> {
      stage = await makeStage({ handshakeMs })
      return dial(1)
    }

    async function dial(number: number): Promise<{ near: Link; far: Link }> {
      const before = of(stage.b, 'accepted').length
      stage.a.dial(number as Link, stage.address)
      await until(() => of(stage.a, 'connected').some((input) => input.link === number))
      await until(() => of(stage.b, 'accepted').length > before)
      return { near: number as Link, far: of(stage.b, 'accepted')[before]?.link ?? (0 as Link) }
    }

    async function connectAdmitted(): Promise<{ near: Link; far: Link }> {
      const ends = await connect()
      stage.a.admit(ends.near)
      stage.b.admit(ends.far)
      return ends
    }

    function sendAll(party: LinkParty, link: Link, frames: readonly Uint8Array[]): void {
      for (const frame of frames) party.send(link, frame)
      party.flush()
    }

    test('numbers what it accepts from -1 downwards', async () => {
      expect((await connect()).far).toBe(-1)
      expect((await dial(2)).far).toBe(-2)
    })

    test('carries frames both ways, each unchanged and in order', async () => {
      const { near, far } = await connectAdmitted()
      const there = [1, 2, 300, 4].map((length) => new Uint8Array(length).fill(length))
      const back = [5, 70_000, 7].map((length) => new Uint8Array(length).fill(length))
      sendAll(stage.a, near, there)
      sendAll(stage.b, far, back)
      await until(() => of(stage.b, 'frame').length === 4 && of(stage.a, 'frame').length === 3)
      expect(of(stage.b, 'frame').map((input) => input.frame)).toEqual(there)
      expect(of(stage.a, 'frame').map((input) => input.frame)).toEqual(back)
    })

    test('carries a frame of the largest size once both sides have admitted the link', async () => {
      const { near } = await connectAdmitted()
      const frame = new Uint8Array(frameBytesMax).map((_, i) => i % 253)
      sendAll(stage.a, near, [frame])
      await until(() => of(stage.b, 'frame').length === 1)
      expect(Buffer.compare(of(stage.b, 'frame')[0]?.frame ?? new Uint8Array(0), frame)).toBe(0)
    })

    test('before the link is admitted takes a small frame, and ends the link at a larger one', async () => {
      const { near, far } = await connect()
      sendAll(stage.a, near, [new Uint8Array(handshakeBytesMax)])
      await until(() => of(stage.b, 'frame').length === 1)
      sendAll(stage.a, near, [new Uint8Array(handshakeBytesMax + 1)])
      await until(() => of(stage.b, 'closed').length === 1 && of(stage.a, 'closed').length === 1)
      expect(of(stage.b, 'closed')[0]).toMatchObject({ link: far, refused: false })
      expect(of(stage.b, 'frame').length).toBe(1)
    })

    test('says refused when nobody listens', async () => {
      stage = await makeStage({ handshakeMs: 5_000 })
      stage.a.dial(1 as Link, stage.deadAddress)
      await until(() => of(stage.a, 'closed').length === 1)
      expect(of(stage.a, 'closed')[0]).toMatchObject({ link: 1, refused: true })
    })

    test('delivers what was sent before a close, then the close, once', async () => {
      const { near, far } = await connectAdmitted()
      stage.a.send(near, Uint8Array.of(1))
      stage.a.send(near, new Uint8Array(100_000))
      stage.a.close(near)
      await until(() => of(stage.b, 'closed').length > 0)
      await quiet()
      expect(stage.b.inputs.map((input) => input.kind)).toEqual(['accepted', 'frame', 'frame', 'closed'])
      expect(of(stage.b, 'closed')[0]).toMatchObject({ link: far, refused: false })
    })

    test('tells the host nothing more of a link that the host closed', async () => {
      const { near, far } = await connectAdmitted()
      sendAll(stage.b, far, [Uint8Array.of(1)])
      stage.a.close(near)
      await until(() => of(stage.b, 'closed').length === 1)
      await quiet()
      expect(stage.a.inputs.map((input) => input.kind)).toEqual(['connected'])
    })

    test('takes every call on a link that is gone, and does nothing', async () => {
      const { near } = await connectAdmitted()
      stage.a.close(near)
      sendAll(stage.a, near, [Uint8Array.of(1)])
      stage.a.admit(near)
      stage.a.close(near)
      sendAll(stage.a, 99 as Link, [Uint8Array.of(1)])
      await until(() => of(stage.b, 'closed').length === 1)
      await quiet()
      expect(of(stage.b, 'frame')).toEqual([])
      expect(stage.a.inputs.length).toBe(1)
    })

    test('ends a link that is not admitted in time, and none that is', async () => {
      const { near, far } = await connect(60)
      stage.a.admit(near)
      stage.b.admit(far)
      const late = await dial(2)
      stage.a.admit(late.near)
      await until(() => of(stage.b, 'closed').length === 1)
      expect(of(stage.b, 'closed')[0]).toMatchObject({ link: late.far, refused: false })
      sendAll(stage.a, near, [Uint8Array.of(1)])
      await until(() => of(stage.b, 'frame').length === 1)
    })
  })
}

function of<Kind extends LinkInput['kind']>(
  party: LinkParty,
  kind: Kind,
): Extract<LinkInput, { readonly kind: Kind }>[] {
  return party.inputs.filter((input): input is Extract<LinkInput, { readonly kind: Kind }> => input.kind === kind)
}

function show(party: LinkParty): string {
  return party.inputs.map((input) => `${input.kind} ${input.link}`).join(', ')
}
