import { connect, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeFrame, FrameReader, frameBytesMax, writeFrames } from '../../core/wire/framer.ts'
import type { Link } from '../../core/wire/ids.ts'
import type { LinkInput } from '../../core/wire/link.ts'
import type { TransportOptions } from '../transport.ts'
import { plainSockets } from './sockets.ts'
import { TcpTransport } from './tcp-transport.ts'

/** A server that admits whoever says `admit me` and echoes every frame, and a well-behaved link to it. */
interface Server {
  readonly transport: TcpTransport
  readonly inputs: LinkInput[]
  readonly port: number
}

const admitMe = Uint8Array.of(0xad)
const started: TcpTransport[] = []
const raws: Socket[] = []

async function startServer(options: Partial<TransportOptions> = {}): Promise<Server> {
  const inputs: LinkInput[] = []
  const transport: TcpTransport = new TcpTransport((input) => {
    inputs.push(input)
    if (input.kind !== 'frame') return
    if (input.frame[0] === admitMe[0]) transport.admit(input.link)
    transport.send(input.link, input.frame)
    transport.flush()
  }, options)
  started.push(transport)
  return { transport, inputs, port: (await transport.listen('127.0.0.1:0')).port }
}

/** A frame goes to the server and comes back. */
class Bystander {
  readonly #transport = new TcpTransport((input) => this.#inputs.push(input))
  readonly #inputs: LinkInput[] = []
  readonly #server: Server
  #echoes = 0

  constructor(server: Server) {
    this.#server = server
    started.push(this.#transport)
    this.#transport.dial(1 as Link, `127.0.0.1:${server.port}`)
    this.#transport.send(1 as Link, admitMe)
  }

  async works(): Promise<void> {
    this.#transport.send(1 as Link, Uint8Array.of(1, 2, 3))
    this.#transport.flush()
    this.#echoes++
    const echo = () => this.#inputs.filter((input) => input.kind === 'frame').length > this.#echoes
    await until(echo)
    expect(this.#inputs.some((input) => input.kind === 'closed')).toBe(false)
    expect(closed(this.#server).some((input) => input.link === -1)).toBe(false)
  }
}

async function openRaw(server: Server): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, noDelay: true })
  raws.push(socket)
  socket.on('error', () => {}).resume()
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return socket
}

function closed(server: Server) {
  return server.inputs.filter((input) => input.kind === 'closed')
}

async function until(isReached: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !isReached(); i++) await pause(1)
  expect(isReached()).toBe(true)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Bytes that look random and are the same in every run. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

const flipped = encodeFrame(Uint8Array.of(1, 2, 3))
flipped[10] = 4
const oversized = encodeFrame(new Uint8Array(9))
oversized.set([0, 0, 0x40, 0x01])

afterEach(async () => {
  for (const socket of raws.splice(0)) socket.destroy()
  await Promise.all(started.splice(0).map((transport) => transport.shutdown()))
})

describe('a stranger on a TCP connection', () => {
  let server: Server
  let bystander: Bystander

  beforeEach(async () => {
    server = await startServer({ handshakeMs: 80, partialFrameMs: 80, lingerMs: 80 })
    bystander = new Bystander(server)
    await bystander.works()
  })

  const attacks: readonly (readonly [name: string, bytes: Uint8Array, reason: RegExp])[] = [
    ['claims an oversized frame', oversized, /size limit/],
    ['sends a frame that does not match its checksum', flipped, /checksum/],
    ['sends zeros', new Uint8Array(70_000), /checksum/],
    ['speaks HTTP', new TextEncoder().encode('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /size limit/],
    ['sends noise', noise(1_000, 1), /size limit/],
    ['sends nothing', new Uint8Array(0), /handshake took too long/],
    ['stops inside the header', encodeFrame(admitMe).subarray(0, 5), /handshake took too long/],
    [
      'says hello and then stops inside a frame',
      writeFrames([admitMe, noise(99, 2)]).subarray(0, 60),
      /stopped arriving/,
    ],
  ]

  test.each(attacks)('who %s loses that connection alone', async (_, bytes, reason) => {
    const socket = await openRaw(server)
    socket.write(bytes)
    await until(() => closed(server).length === 1)
    expect(closed(server)[0]).toMatchObject({ link: -2, refused: false, reason: expect.stringMatching(reason) })
    await until(() => socket.destroyed)
    await bystander.works()
    expect(closed(server).length).toBe(1)
    expect(server.transport.stats).toMatchObject({ links: 1, halfOpen: 0, heldBytes: 0 })
  })

  test('who sends one byte per interval of a frame without end loses that connection alone', async () => {
    const socket = await openRaw(server)
    socket.write(encodeFrame(admitMe))
    const frame = encodeFrame(noise(10_000, 3))
    for (let at = 0; !socket.destroyed && at < frame.length; at++) {
      socket.write(frame.subarray(at, at + 1))
      await pause(10)
    }
    expect(closed(server)[0]).toMatchObject({ link: -2, reason: 'a frame stopped arriving' })
    expect(server.transport.stats.partialFrameTimeouts).toBe(1)
    await bystander.works()
  })

  test('who ends in the middle of a frame is heard of once, and the frame never', async () => {
    const socket = await openRaw(server)
    socket.end(encodeFrame(noise(100, 4)).subarray(0, 50))
    await until(() => closed(server).length === 1)
    expect(server.inputs.filter((input) => input.link === -2).map((input) => input.kind)).toEqual([
      'accepted',
      'closed',
    ])
    await bystander.works()
  })

  test('who resets the connection is heard of once', async () => {
    const socket = await openRaw(server)
    socket.write(encodeFrame(admitMe))
    await until(() => server.inputs.some((input) => input.kind === 'frame' && input.link === -2))
    socket.resetAndDestroy()
    await until(() => closed(server).length === 1)
    await pause(20)
    expect(closed(server).length).toBe(1)
    await bystander.works()
  })

  test('who does not let go of a closed connection loses it after a while', async () => {
    const socket = connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true })
    raws.push(socket.on('error', () => {}).pause())
    await until(() => server.inputs.some((input) => input.link === -2))
    server.transport.close(-2 as Link, 'enough')
    expect(server.transport.stats.links).toBe(2)
    await until(() => server.transport.stats.links === 1)
    await bystander.works()
  })
})

describe('a TCP connection', () => {
  test('may split its bytes anywhere', async () => {
    const server = await startServer()
    const socket = await openRaw(server)
    const payloads = [admitMe, Uint8Array.of(1), Uint8Array.of(2, 3)]
    const stream = writeFrames(payloads)
    for (let at = 0; at <= stream.length; at++) {
      socket.write(stream.subarray(0, at))
      await turn()
      socket.write(stream.subarray(at))
      await turn()
    }
    const frames = () => server.inputs.filter((input) => input.kind === 'frame').map((input) => input.frame)
    await until(() => frames().length === payloads.length * (stream.length + 1))
    expect(frames()).toEqual(Array.from({ length: stream.length + 1 }, () => payloads).flat())
  })

  test('may bring a large frame slowly as long as it keeps coming', async () => {
    const server = await startServer({ handshakeMs: 60, partialFrameMs: 60, partialFrameBytesMin: 2_000 })
    const socket = await openRaw(server)
    const frame = encodeFrame(noise(300_000, 5))
    socket.write(encodeFrame(admitMe))
    for (let at = 0; at < frame.length; at += 10_000) {
      socket.write(frame.subarray(at, at + 10_000))
      await pause(10)
    }
    await until(() => server.inputs.filter((input) => input.kind === 'frame').length === 2)
    expect(server.transport.stats.partialFrameTimeouts).toBe(0)
  })

  test('does not suffer from a pause of our own', async () => {
    const server = await startServer({ handshakeMs: 40, partialFrameMs: 40, lingerMs: 40 })
    const socket = await openRaw(server)
    const frame = encodeFrame(noise(100, 6))
    socket.write(encodeFrame(admitMe))
    socket.write(frame.subarray(0, 50))
    await until(() => server.transport.stats.heldBytes === 50)
    socket.write(frame.subarray(50))
    const pauseEnds = performance.now() + 250
    while (performance.now() < pauseEnds);
    await until(() => server.inputs.filter((input) => input.kind === 'frame').length === 2)
    expect(closed(server)).toEqual([])
  })

  test('leaves nothing behind after a thousand bad ones', async () => {
    const server = await startServer({ handshakeMs: 5_000 })
    const bystander = new Bystander(server)
    await bystander.works()
    for (let i = 0; i < 1_000; i++) {
      const socket = await openRaw(server)
      const bad = [flipped, oversized, noise(200, i), encodeFrame(noise(5_000, i)).subarray(0, 3_000)][i % 4]
      socket.end(bad ?? flipped)
      await new Promise((resolve) => socket.once('close', resolve))
    }
    await until(() => server.transport.stats.links === 1)
    await bystander.works()
    const { stats } = server.transport
    expect(stats).toMatchObject({ accepted: 1_001, halfOpen: 0, heldBytes: 0, halfOpenRefused: 0 })
    expect(closed(server).length).toBe(1_000)
    expect(new Set(closed(server).map((input) => input.link)).size).toBe(1_000)
    expect(stats.checksumFailures + stats.oversized).toBe(750)
  })

  test('whose other side does not read is closed when its backlog exceeds the bound', async () => {
    const server = await startServer({ sendBytesMax: 8 * 1024 * 1024 })
    const socket = await openRaw(server)
    socket.pause()
    await until(() => server.inputs.length === 1)
    const frame = new Uint8Array(frameBytesMax)
    for (let i = 0; i < 20 && closed(server).length === 0; i++) {
      server.transport.send(-1 as Link, frame)
      server.transport.flush()
      expect(server.transport.backlog(-1 as Link)).toBeLessThanOrEqual(8 * 1024 * 1024)
      await turn()
    }
    expect(closed(server)[0]).toMatchObject({ link: -1, reason: expect.stringContaining('does not read') })
    expect(server.transport.stats).toMatchObject({ links: 0, heldBytes: 0, overflows: 1 })
  })

  test('brings frames that a plain reader of the format understands', async () => {
    const server = await startServer()
    const socket = await openRaw(server)
    const reader = new FrameReader(100)
    const echoed: Uint8Array[] = []
    socket.on('data', (chunk) => {
      reader.feed(chunk)
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) echoed.push(frame)
    })
    socket.write(writeFrames([admitMe, Uint8Array.of(1, 2)]))
    await until(() => echoed.length === 2)
    expect(echoed).toEqual([admitMe, Uint8Array.of(1, 2)])
  })
})

describe('dialling over TCP', () => {
  function dialler(options: Partial<TransportOptions>, sockets = plainSockets) {
    const inputs: LinkInput[] = []
    const transport = new TcpTransport((input) => inputs.push(input), options, sockets)
    started.push(transport)
    return { inputs, transport }
  }

  test('resolves a name', async () => {
    const server = await startServer()
    const { inputs, transport } = dialler({})
    transport.dial(1 as Link, `localhost:${server.port}`)
    await until(() => inputs.some((input) => input.kind === 'connected'))
  })

  test('says refused when every address of a name refuses', async () => {
    const { inputs, transport } = dialler({})
    transport.dial(1 as Link, 'localhost:1')
    await until(() => inputs.length === 1)
    expect(inputs[0]).toMatchObject({ kind: 'closed', refused: true })
  })

  test('gives up after connectMs', async () => {
    const { inputs, transport } = dialler({ connectMs: 30 }, { ...plainSockets, connect: () => new Socket() })
    transport.dial(1 as Link, '127.0.0.1:7400')
    await until(() => inputs.length === 1)
    expect(inputs[0]).toEqual({ kind: 'closed', link: 1, refused: false, reason: 'connecting took too long' })
    expect(transport.stats).toMatchObject({ connectTimeouts: 1, links: 0 })
  })

  test('does not take itself for a listener', async () => {
    const toItself = ({ host, port }: { host: string; port: number }, ready: () => void) =>
      connect({ host, port, localAddress: host, localPort: port }, ready)
    const free = await startServer()
    await free.transport.shutdown()
    const { inputs, transport } = dialler({}, { ...plainSockets, connect: toItself })
    transport.dial(1 as Link, `127.0.0.1:${free.port}`)
    await until(() => inputs.length > 0)
    expect(inputs).toEqual([{ kind: 'closed', link: 1, refused: true, reason: 'connected to itself' }])
  })

  test('reaches an IPv6 listener, or says that the machine has no such address', async () => {
    const { inputs, transport } = dialler({})
    const listening = await transport.listen('[::1]:0').catch((error: Error) => error)
    if (listening instanceof Error) expect(listening.message).toMatch(/^cannot listen on \[::1\]:0: /)
    else {
      transport.dial(1 as Link, `[::1]:${listening.port}`)
      await until(() => inputs.length === 2)
      expect(inputs.find((input) => input.kind === 'accepted')?.remote).toMatch(/^\[::1\]:\d+$/)
    }
  })
})
