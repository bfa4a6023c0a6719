import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDice } from './prng.ts'
import { type Handle, Scheduler } from './scheduler.ts'

function drain<Event>(scheduler: Scheduler<Event>): Event[] {
  const events: Event[] = []
  for (let event = scheduler.next(); event !== undefined; event = scheduler.next()) events.push(event)
  return events
}

describe('scheduler', () => {
  it('hands out events by time, and those of one time in the order of scheduling', () => {
    const scheduler = new Scheduler<string>()
    scheduler.schedule(20, 'late')
    scheduler.schedule(10, 'first')
    scheduler.schedule(10, 'second')
    scheduler.schedule(0, 'now')
    scheduler.schedule(10, 'third')
    expect(scheduler.peekAtUs()).toBe(0)
    expect(drain(scheduler)).toEqual(['now', 'first', 'second', 'third', 'late'])
    expect(scheduler.nowUs).toBe(20)
    expect(scheduler.executed).toBe(5)
  })

  it('jumps to the time of the event it hands out', () => {
    const scheduler = new Scheduler<string>()
    scheduler.schedule(3_600_000_000, 'in an hour')
    expect(scheduler.nowUs).toBe(0)
    scheduler.next()
    expect(scheduler.nowUs).toBe(3_600_000_000)
    expect(scheduler.next()).toBeUndefined()
    expect(scheduler.peekAtUs()).toBeUndefined()
  })

  it('refuses the past and fractions of a microsecond', () => {
    const scheduler = new Scheduler<string>()
    scheduler.schedule(5, 'x')
    scheduler.next()
    expect(() => scheduler.schedule(4, 'past')).toThrow(/schedule/)
    expect(() => scheduler.schedule(5.5, 'half')).toThrow(/schedule/)
    expect(() => scheduler.schedule(Number.NaN, 'never')).toThrow(/schedule/)
  })

  it('drops a cancelled event once, and never another one in its place', () => {
    const scheduler = new Scheduler<string>()
    const gone = scheduler.schedule(1, 'gone')
    expect(scheduler.cancel(gone)).toBe(true)
    const kept = scheduler.schedule(1, 'kept')
    expect(scheduler.cancel(gone)).toBe(false)
    expect(scheduler.pending).toBe(1)
    expect(drain(scheduler)).toEqual(['kept'])
    expect(scheduler.cancel(kept)).toBe(false)
  })

  it('frees the place of a cancelled event at once', () => {
    const scheduler = new Scheduler<number>()
    scheduler.schedule(1_000_000, -1)
    for (let i = 0; i < 1_200_000; i++) scheduler.cancel(scheduler.schedule(500_000, i))
    expect(scheduler.pending).toBe(1)
    scheduler.checkInvariants()
    expect(drain(scheduler)).toEqual([-1])
  })

  it('refuses more pending events than any sane world has', () => {
    const scheduler = new Scheduler<number>()
    expect(() => {
      for (let i = 0; i <= 2 ** 20; i++) scheduler.schedule(i, i)
    }).toThrow(/too many/)
  })

  it('agrees with a sorted list under any mix of schedule, cancel and next', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('schedule' as const), delayUs: fc.nat(20) }),
      fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(200) }),
      fc.record({ kind: fc.constant('next' as const) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const scheduler = new Scheduler<number>()
        const handles: Handle[] = []
        let model: { atUs: number; id: number }[] = []
        for (const one of steps) {
          if (one.kind === 'schedule') {
            const atUs = scheduler.nowUs + one.delayUs
            model.push({ atUs, id: handles.length })
            handles.push(scheduler.schedule(atUs, handles.length))
          } else if (one.kind === 'cancel' && handles.length > 0) {
            const id = one.which % handles.length
            expect(scheduler.cancel(handles[id] as Handle)).toBe(model.some((event) => event.id === id))
            model = model.filter((event) => event.id !== id)
          } else if (one.kind === 'next') {
            model.sort((a, b) => a.atUs - b.atUs || a.id - b.id)
            expect(scheduler.next()).toBe(model.shift()?.id)
          }
          scheduler.checkInvariants()
          expect(scheduler.pending).toBe(model.length)
        }
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('stays in order over a long run that schedules and cancels as a world does', () => {
    const scheduler = new Scheduler<number>()
    const dice = createDice('long').fork('times')
    for (let i = 0; i < 1000; i++) scheduler.schedule(dice.intInclusive(0, 1000), i)
    let beforeUs = 0
    for (let i = 0; i < 20_000; i++) {
      const event = scheduler.next()
      if (event === undefined) throw new Error('the world ran dry')
      expect(scheduler.nowUs >= beforeUs).toBe(true)
      beforeUs = scheduler.nowUs
      const timer = scheduler.schedule(scheduler.nowUs + 5000, -1)
      scheduler.schedule(scheduler.nowUs + dice.intInclusive(0, 2000), event)
      scheduler.cancel(timer)
    }
    expect(scheduler.pending).toBe(1000)
    scheduler.checkInvariants()
  })
})
