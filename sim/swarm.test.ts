import { describe, expect, it } from 'vitest'
import { createDice } from './prng.ts'
import { drawFaults } from './swarm.ts'

function shapes(servers: number): ReadonlySet<string> {
  const mix = { servers, kinds: ['partition'], fromMs: 0, untilMs: 500, gapMs: [1, 1] } as const
  return new Set(drawFaults(createDice('1'), mix).map((fault) => (fault.kind === 'partition' ? fault.shape : '')))
}

describe('faults that are drawn', () => {
  it('partition only such groups in a ring or at a bridge as have the servers for it', () => {
    expect([...shapes(3)]).toEqual(expect.arrayContaining(['ring', 'bridge']))
    for (const shape of ['ring', 'bridge', '']) expect([...shapes(2)]).not.toContain(shape)
    expect(shapes(2).size).toBe(7)
  })
})
