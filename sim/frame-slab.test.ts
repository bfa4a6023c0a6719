import { expect, it } from 'vitest'
import { encodeFrame } from '../core/wire/framer.ts'
import { FrameSlab } from './frame-slab.ts'

it('encodes as the framer does, and never writes over what it handed out', () => {
  const slab = new FrameSlab()
  const lengths = Array.from({ length: 400 }, (_, i) => 1 + ((i * 997) % 6000))
  const payloads = lengths.map((length, i) => new Uint8Array(length).fill(i))
  const frames = payloads.map((payload) => slab.encode(payload))
  expect(frames.every((frame, i) => Buffer.from(frame).equals(encodeFrame(payloads[i] as Uint8Array)))).toBe(true)
})
