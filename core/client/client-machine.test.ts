import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Link } from '../wire/ids.ts'
import { type Faults, noFaults, World } from './world.contract.ts'

/** Nothing is done twice, and what the caller was told is what happened. */
function expectTruth(world: World, submitted: readonly number[]): void {
  expect(world.model.violations).toEqual([])
  for (const call of submitted) {
    const created = world.model.created.get(`k${call}`) ?? []
    const answer = world.answers.get(call)
    expect(created.length, `call ${call} was executed ${created.length} times`).toBeLessThanOrEqual(1)
    if (answer?.kind === 'settled' && answer.outcome.kind === 'executed') expect(created).toEqual([answer.index])
    else if (answer?.kind === 'settled') expect(created).toEqual([])
    else if (answer?.kind === 'failed' && answer.executed === 'no') expect(created).toEqual([])
    else expect(answer, `call ${call} was never answered`).toBeDefined()
  }
}

describe('a client in a world without faults', () => {
  it('has every call executed once and sends nothing twice', () => {
    const world = new World(1)
    for (let call = 1; call <= 50; call++) world.submit(call, call > 1 && call % 3 === 0 ? [call - 1] : [])
    world.query(51)
    world.pass(300)
    expectTruth(
      world,
      Array.from({ length: 50 }, (_, i) => i + 1),
    )
    expect(world.answers.size).toBe(51)
    expect(world.model.created.size).toBeGreaterThan(40)
    expect(world.machine.stats()).toEqual({ resends: 0, redirects: 0, reconnects: 0, registered: 1 })
  })
})

describe('the loss of any one frame', () => {
  const run = (loseFrame: number): World => {
    const world = new World(2)
    world.model.leader = 1
    world.loseFrame = loseFrame
    for (const call of [1, 2, 3]) world.submit(call)
    world.pass(40)
    world.submit(4)
    world.submit(5, [4])
    world.query(6)
    world.pass(20)
    world.give({ kind: 'closed', link: 2 as Link, refused: false, reason: 'reset' })
    world.submit(8)
    world.pass(3500)
    return world
  }

  it('costs nothing but time', () => {
    const { frames } = run(-1)
    expect(frames).toBeGreaterThan(30)
    for (let frame = 0; frame < frames; frame++) {
      const world = run(frame)
      expectTruth(world, [1, 2, 3, 4, 5, 8])
      expect(
        [...world.answers.values()].every((answer) => answer.kind !== 'failed'),
        `frame ${frame}`,
      ).toBe(true)
      expect(world.answers.size, `frame ${frame}`).toBe(7)
      expect(world.events.filter((event) => event.kind === 'expired')).toEqual([])
    }
  })
})

describe('a client in a world of faults', () => {
  const upTo = (max: number) => fc.oneof(fc.constant(0), fc.integer({ min: 1, max }))
  const faults: fc.Arbitrary<Faults> = fc.record({
    lose: upTo(150),
    duplicate: upTo(300),
    delay: upTo(300),
    busy: upTo(200),
    breakLink: upTo(30),
    depose: upTo(30),
    expire: upTo(10),
    recover: upTo(200),
  })

  function run(seed: number, given: Faults): World {
    const world = new World(seed)
    world.faults = given
    const submitted: number[] = []
    for (let call = 1; world.now < 2500; call++) {
      const earlier = call - 1 - world.below(3)
      const timeoutMs = world.below(5) === 0 ? 1 + world.below(600) : 120_000
      if (world.below(6) === 0) world.query(call)
      else {
        submitted.push(call)
        world.submit(
          call,
          world.below(3) === 0 && !world.answers.has(earlier) && earlier > 0 ? [earlier] : [],
          timeoutMs,
        )
      }
      world.pass(world.below(30))
    }
    world.faults = noFaults
    world.pass(6000)
    expectTruth(world, submitted)
    for (const answer of world.answers.values()) {
      if (answer.kind === 'failed' && answer.code === 'OTHER_HISTORY') expect(given.recover).toBeGreaterThan(0)
      if (answer.kind === 'failed' && answer.code === 'NOT_EXECUTED') expect(given.expire).toBeGreaterThan(0)
    }
    return world
  }

  it('has every call answered once and truly, and executed at most once', () => {
    fc.assert(
      fc.property(fc.nat(100_000), faults, (seed, given) => {
        run(seed, given)
      }),
      { seed: 20_240_611, numRuns: 60 },
    )
  })

  it('meets every kind of end, so that the truth was at stake', () => {
    const given = {
      ...noFaults,
      lose: 80,
      duplicate: 100,
      delay: 100,
      busy: 100,
      breakLink: 20,
      depose: 20,
      expire: 8,
      recover: 100,
    }
    const ends = new Set<string>()
    for (let seed = 0; seed < 12; seed++) {
      for (const answer of run(seed, given).answers.values()) {
        ends.add(answer.kind === 'failed' ? `${answer.code} ${answer.executed}` : answer.kind)
      }
    }
    const met = [
      'settled',
      'answered',
      'TIMEOUT no',
      'TIMEOUT unknown',
      'NOT_EXECUTED no',
      'OTHER_HISTORY unknown',
      'NOT_AFTER no',
    ]
    expect([...ends]).toEqual(expect.arrayContaining(met))
  })
})
