import { expect, test } from 'vitest'
import type { Link } from '../../core/wire/ids.ts'
import type { LinkInput } from '../../core/wire/link.ts'
import { transportContract } from '../transport.contract.ts'
import { MemoryHub } from './memory-hub.ts'
import { MemoryTransport } from './memory-transport.ts'

transportContract('memory', async (options) => {
  const hub = new MemoryHub()
  const party = () => {
    const inputs: LinkInput[] = []
    return { inputs, transport: new MemoryTransport(hub, (input) => inputs.push(input), options) }
  }
  return {
    a: party(),
    b: party(),
    listenAddress: 'memory:0',
    deadAddress: 'memory:9',
    settle: () => new Promise((resolve) => setTimeout(resolve, 1)),
  }
})

test('what one host throws at a delivery does not cost another its own', async () => {
  const hub = new MemoryHub()
  const delivered: number[] = []
  const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
  hub.later(() => {
    throw new Error('on purpose')
  })
  hub.later(() => delivered.push(1))
  hub.later(() => delivered.push(2))
  expect(delivered).toEqual([])
  expect(await thrown).toEqual(new Error('on purpose'))
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(delivered).toEqual([1, 2])
})

test('hubs do not know each other', async () => {
  const inputs: LinkInput[] = []
  const listener = new MemoryTransport(new MemoryHub(), () => {})
  await listener.listen('memory:1')
  const dialler = new MemoryTransport(new MemoryHub(), (input) => inputs.push(input))
  dialler.dial(1 as Link, 'memory:1')
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(inputs).toEqual([{ kind: 'closed', link: 1, refused: true, reason: 'nobody listens at memory:1' }])
  await Promise.all([listener.shutdown(), dialler.shutdown()])
})
