import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { getU32, hex, putU32 } from '../lib/bytes.ts'
import { crc32c } from '../lib/crc32c.ts'
import { encodeFrame, FrameReader, frameBytesMax, frameHeaderBytes, handshakeBytesMax, writeFrames } from './framer.ts'

const payloadArbitrary = fc.uint8Array({ minLength: 1, maxLength: 300 })

function drain(reader: FrameReader): Uint8Array[] {
  const payloads: Uint8Array[] = []
  for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload)
  return payloads
}

function readAll(reader: FrameReader, stream: Uint8Array, chunkBytes: number): Uint8Array[] {
  const payloads: Uint8Array[] = []
  for (let at = 0; at < stream.length; at += chunkBytes) {
    reader.feed(stream.subarray(at, at + chunkBytes))
    payloads.push(...drain(reader))
  }
  return payloads
}

function header(length: number, checksum: number): Uint8Array {
  const bytes = new Uint8Array(frameHeaderBytes)
  putU32(bytes, 0, length)
  putU32(bytes, 4, checksum)
  return bytes
}

describe('a frame', () => {
  test('is its length, its CRC-32C and its payload', () => {
    const payload = new Uint8Array([...'123456789'].map((digit) => digit.charCodeAt(0)))
    const frame = encodeFrame(payload)
    expect(hex(frame.subarray(0, 4))).toBe('09000000')
    expect(getU32(frame, 4)).toBe(0xe3069283)
    expect(frame.subarray(8)).toEqual(payload)
  })

  test('is never empty and never longer than the cap', () => {
    expect(() => encodeFrame(new Uint8Array(0))).toThrow('0 bytes')
    expect(() => encodeFrame(new Uint8Array(frameBytesMax + 1))).toThrow(`${frameBytesMax + 1} bytes`)
  })

  test('is the same alone and in a joined write', () => {
    const payloads = [new Uint8Array([1]), new Uint8Array([2, 3]), new Uint8Array(1000)]
    expect(hex(writeFrames(payloads))).toBe(payloads.map((payload) => hex(encodeFrame(payload))).join(''))
    expect(writeFrames([])).toEqual(new Uint8Array(0))
  })
})

describe('the reader', () => {
  test('gives back every payload in order, however the stream was split', () => {
    const property = fc.property(
      fc.array(payloadArbitrary, { maxLength: 20 }),
      fc.integer({ min: 1, max: 700 }),
      (payloads, chunkBytes) => {
        const reader = new FrameReader(300)
        expect(readAll(reader, writeFrames(payloads), chunkBytes)).toEqual(payloads)
        expect(reader.failure).toBeUndefined()
        expect(reader.pendingBytes).toBe(0)
      },
    )
    fc.assert(property, { seed: 1, numRuns: 300 })
  })

  test('survives chunks of one byte and pieces that were not drained in between', () => {
    const payloads = [new Uint8Array([7]), new Uint8Array(257).fill(3), new Uint8Array([1, 2])]
    const stream = writeFrames(payloads)
    expect(readAll(new FrameReader(frameBytesMax), stream, 1)).toEqual(payloads)
    const late = new FrameReader(frameBytesMax)
    for (const byte of stream) late.feed(Uint8Array.of(byte))
    expect(late.pendingBytes).toBe(stream.length)
    expect(drain(late)).toEqual(payloads)
    expect(late.pendingBytes).toBe(0)
  })

  test('hands out payloads of the largest size, in time proportional to their length', () => {
    const payload = new Uint8Array(frameBytesMax).map((_, i) => i % 251)
    const got = readAll(new FrameReader(frameBytesMax), encodeFrame(payload), 1460)
    expect(got.length).toBe(1)
    expect(crc32c(got[0] ?? new Uint8Array(0))).toBe(crc32c(payload))
  })

  test('copies what it hands out, out of the chunk and exactly as long as it is', () => {
    const slab = new Uint8Array(65536)
    slab.set(writeFrames([new Uint8Array([1, 2, 3]), new Uint8Array([4])]))
    const reader = new FrameReader(100)
    reader.feed(slab.subarray(0, 20))
    const [first, second] = drain(reader)
    slab.fill(0xff)
    expect(first).toEqual(new Uint8Array([1, 2, 3]))
    expect(first?.buffer.byteLength).toBe(3)
    expect(second).toEqual(new Uint8Array([4]))
  })

  test('copies out of a Node buffer too, whose slices share memory', () => {
    const slab = Buffer.from(encodeFrame(new Uint8Array([1, 2, 3])))
    const reader = new FrameReader(100)
    reader.feed(slab)
    const [frame] = drain(reader)
    slab.fill(0)
    expect(frame).toEqual(new Uint8Array([1, 2, 3]))
  })

  test('counts what it holds of an unfinished frame', () => {
    const reader = new FrameReader(100)
    reader.feed(encodeFrame(new Uint8Array(10)).subarray(0, 12))
    expect(reader.next()).toBeUndefined()
    expect(reader.pendingBytes).toBe(12)
  })

  test('refuses a length above the cap before the payload arrives, and is silent from then on', () => {
    for (const length of [handshakeBytesMax + 1, 0x7fffffff, 0xffffffff]) {
      const reader = new FrameReader(handshakeBytesMax)
      reader.feed(header(length, 0))
      expect(reader.next()).toBeUndefined()
      expect(reader.failure).toBe('oversized')
      reader.feed(encodeFrame(new Uint8Array([1])))
      expect(reader.next()).toBeUndefined()
      expect(reader.pendingBytes).toBe(0)
    }
  })

  test('still gives the frames before the one that failed, and none behind it', () => {
    const bad = encodeFrame(new Uint8Array([9, 9]))
    bad[9] = 8
    const reader = new FrameReader(100)
    reader.feed(encodeFrame(new Uint8Array([1])))
    reader.feed(bad)
    reader.feed(encodeFrame(new Uint8Array([2])))
    expect(drain(reader)).toEqual([new Uint8Array([1])])
    expect(reader.failure).toBe('checksum')
  })

  test('notices every single flipped bit', () => {
    const frame = encodeFrame(new Uint8Array([1, 2, 3, 4, 5]))
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = frame.slice()
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const reader = new FrameReader(frameBytesMax)
      reader.feed(flipped)
      expect(drain(reader)).toEqual([])
    }
  })

  test('takes a run of zeros for a failure, not for empty frames', () => {
    const reader = new FrameReader(100)
    reader.feed(new Uint8Array(1000))
    expect(drain(reader)).toEqual([])
    expect(reader.failure).toBe('checksum')
  })

  test('applies a raised cap to the next header, even inside a chunk it already holds', () => {
    const big = new Uint8Array(500).fill(1)
    const reader = new FrameReader(10)
    reader.feed(writeFrames([new Uint8Array([1]), big]))
    expect(reader.next()).toEqual(new Uint8Array([1]))
    reader.frameBytesMax = 1000
    expect(reader.next()).toEqual(big)
  })

  test('never throws and never gives out a payload above the cap, whatever arrives', () => {
    const property = fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
      const reader = new FrameReader(32)
      for (const chunk of chunks) {
        reader.feed(chunk)
        for (const payload of drain(reader)) expect(payload.length).toBeLessThanOrEqual(32)
        expect(reader.pendingBytes).toBeLessThan(32 + frameHeaderBytes)
      }
    })
    fc.assert(property, { seed: 2, numRuns: 500 })
  })
})
