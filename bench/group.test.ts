import { expect, test } from 'vitest'
import { BenchGroup } from './group.ts'
import { createDocuments, loadDocuments, setField } from './load-documents.ts'

test('a leader encodes what it appends once, and sends both followers the same bytes', () => {
  const group = new BenchGroup({ servers: 3, durability: 'memory' })
  group.submit(createDocuments(0, loadDocuments))
  group.advance(() => group.settled === 1)
  const { leader } = group
  const frames: Uint8Array[] = []
  const step = leader.step.bind(leader)
  leader.step = (input, now) => {
    const effects = step(input, now)
    for (const effect of effects) if (effect.kind === 'send' && effect.frame.length > 4000) frames.push(effect.frame)
    return effects
  }
  for (let i = 0; i < 100; i++) group.submit(setField(i))
  group.settle()
  expect(group.settled).toBe(101)
  expect(frames).toHaveLength(2)
  expect(frames[0]).toBe(frames[1])
})
