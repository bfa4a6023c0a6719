import { describe, expect, it } from 'vitest'
import type { Outcome } from '../wire/command.ts'
import { attachedBench, Bench, creating, executed, passAlive, requestOf, submitAll } from './bench.contract.ts'

describe('requests', () => {
  it('are numbered without gaps when they are sent, all of a turn in one frame', () => {
    const bench = attachedBench()
    bench.submit(50)
    bench.submit(60)
    expect(bench.kinds()).toEqual([])
    bench.turn()
    const [message, ...others] = bench.sent()
    expect(others).toEqual([])
    const commands = message?.kind === 'requests' ? message.commands.map(requestOf) : []
    expect(commands.map(({ client, number, ackedBelow }) => [client, number, ackedBelow])).toEqual([
      [7, 1, 1],
      [7, 2, 1],
    ])
    expect(commands.map((command) => command.body)).toEqual([creating(50), creating(60)])
    submitAll(bench, 61, 61)
    expect(bench.numbers()).toEqual([3])
  })

  it('wait for an attached link and keep their order', () => {
    const bench = new Bench()
    submitAll(bench, 1, 3)
    bench.begin()
    bench.turn()
    expect(bench.requests().map((request) => request.body)).toEqual([creating(1), creating(2), creating(3)])
  })

  it('are settled with index and outcome, in whatever order results come', () => {
    const bench = attachedBench()
    submitAll(bench, 11, 13)
    const refused: Outcome = { kind: 'refused', code: 'CONFLICT', write: 2 }
    bench.result(2, 40, refused)
    bench.result(1, 39)
    expect(bench.answers).toEqual([
      { kind: 'settled', call: 12, index: 40, outcome: refused },
      { kind: 'settled', call: 11, index: 39, outcome: executed },
    ])
  })

  it('are settled once, however often a result comes, and unknown numbers are nobody’s', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 2)
    for (const number of [1, 1, 2, 1, 2, 3, 99]) bench.result(number)
    expect(bench.answers.map((answer) => answer.call)).toEqual([1, 2])
  })

  it('acknowledge all below the lowest number without a result', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 4)
    for (const number of [1, 2, 4]) bench.result(number)
    bench.commands()
    submitAll(bench, 5, 5)
    expect(bench.requests()).toMatchObject([{ number: 5, ackedBelow: 3 }])
    bench.result(3)
    submitAll(bench, 6, 6)
    expect(bench.requests()).toMatchObject([{ number: 6, ackedBelow: 5 }])
  })

  it('are split into frames of bounded size', () => {
    const bench = attachedBench()
    for (let call = 1; call <= 6; call++) bench.submit(call, creating(call, 100_000))
    bench.turn()
    const frames = bench.sent().map((message) => (message.kind === 'requests' ? message.commands.length : -1))
    expect(frames).toEqual([2, 2, 2])
  })

  it('in flight are no more than the credits', () => {
    const bench = attachedBench(3)
    submitAll(bench, 1, 10)
    expect(bench.numbers()).toEqual([1, 2, 3])
    bench.result(1)
    bench.result(2)
    bench.turn()
    expect(bench.numbers()).toEqual([4, 5])
    bench.result(5)
    bench.turn()
    expect(bench.numbers()).toEqual([])
  })

  it('in flight hold no more than the bytes allowed, and a larger one goes alone', () => {
    const bench = attachedBench(100, { limits: { bytesInFlightMax: 10_000 } })
    for (const call of [1, 2, 3]) bench.submit(call, creating(call, 4000))
    bench.submit(4, creating(4, 20_000))
    bench.turn()
    expect(bench.numbers()).toEqual([1, 2])
    bench.result(1)
    bench.turn()
    expect(bench.numbers()).toEqual([3])
    bench.result(2)
    bench.turn()
    expect(bench.numbers()).toEqual([])
    bench.result(3)
    bench.turn()
    expect(bench.numbers()).toEqual([4])
  })

  it('beyond what may wait are refused without being sent', () => {
    const bench = new Bench({ limits: { waitingCallsMax: 2, heldBytesMax: 1000, requestBytesMax: 800 } })
    bench.submit(1)
    bench.submit(2, creating(2, 900))
    bench.submit(3, creating(3, 600))
    bench.submit(4, creating(4, 300))
    bench.submit(5, creating(5, 1))
    bench.submit(6, creating(6, 1))
    expect(bench.answers).toEqual([
      { kind: 'failed', call: 2, code: 'TOO_LARGE', executed: 'no' },
      { kind: 'failed', call: 4, code: 'BUSY', executed: 'no' },
      { kind: 'failed', call: 5, code: 'BUSY', executed: 'no' },
      { kind: 'failed', call: 6, code: 'BUSY', executed: 'no' },
    ])
  })
})

describe('a break of the link', () => {
  it('sends the same bytes again, in order, from what the next server expects', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 5)
    const before = bench.commands()
    bench.result(2)
    bench.step({ kind: 'closed', link: bench.link, refused: false, reason: 'reset' })
    bench.connect()
    bench.welcome('b')
    expect(bench.sent()).toEqual([{ kind: 'attach', client: 7, from: 1 }])
    bench.attached(3)
    bench.turn()
    expect(bench.commands()).toEqual(before.slice(2))
    expect(bench.events.at(-1)).toEqual({ kind: 'attached', server: 'b', resent: 3 })
    expect(bench.machine.stats().resends).toBe(3)
    bench.result(1)
    expect(bench.answers.map((answer) => answer.call)).toEqual([2, 1])
  })

  it('lets calls without a number follow behind the old ones', () => {
    const bench = attachedBench(2)
    submitAll(bench, 1, 4)
    bench.commands()
    bench.reattach(1, 3)
    bench.turn()
    expect(bench.numbers()).toEqual([1, 2, 3])
  })

  it('keeps to the credits of the new server', () => {
    const bench = attachedBench(10)
    submitAll(bench, 1, 10)
    bench.commands()
    bench.reattach(1, 4)
    bench.turn()
    expect(bench.numbers()).toEqual([1, 2, 3, 4])
    for (const number of [1, 2, 3, 4]) bench.result(number)
    bench.turn()
    expect(bench.numbers()).toEqual([5, 6, 7, 8])
  })

  it('takes results of the old numbers before anything is sent again', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 3)
    bench.commands()
    bench.reattach(1)
    bench.result(2)
    bench.turn()
    expect(bench.numbers()).toEqual([1, 3])
  })
})

describe('loss on a link that holds', () => {
  it('is repaired from the oldest request when its result is overdue', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 3)
    const before = bench.commands()
    bench.result(1)
    bench.pass(499)
    expect(bench.commands()).toEqual([])
    bench.pass(1)
    expect(bench.commands()).toEqual(before.slice(1))
    bench.pass(500)
    expect(bench.commands()).toEqual(before.slice(1))
  })

  it('asks for a lost result of a request that the server had before', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 2)
    bench.commands()
    bench.reattach(3)
    bench.turn()
    expect(bench.numbers()).toEqual([])
    bench.pass(500)
    expect(bench.numbers()).toEqual([1, 2])
  })

  it('is repaired at once when the server names the number that it misses, once for many frames', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 4)
    const before = bench.commands()
    for (let i = 0; i < 5; i++) {
      bench.hear({ kind: 'resend', expected: 2 })
      bench.turn()
    }
    expect(bench.commands()).toEqual(before.slice(1))
    bench.hear({ kind: 'resend', expected: 4 })
    bench.turn()
    expect(bench.commands()).toEqual(before.slice(3))
  })

  it('is not found in a demand for what was never sent or is settled', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 2)
    bench.result(1)
    bench.commands()
    for (const expected of [1, 3, 50]) bench.hear({ kind: 'resend', expected })
    bench.turn()
    expect(bench.commands()).toEqual([])
  })
})

describe('a server that answers keepalives but no requests', () => {
  it('is asked to attach the client again, on a new link', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1)
    passAlive(bench, 2450)
    expect(bench.dials).toHaveLength(1)
    expect(bench.numbers()).toEqual([1, 1, 1, 1, 1])
    passAlive(bench, 50)
    expect(bench.closes).toEqual([{ link: 1, reason: 'no results' }])
    expect(bench.address).toBe('a:1')
  })

  it('is not left while it has no room, nor while some result comes', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 2)
    passAlive(bench, 2000)
    bench.refuse('BUSY')
    passAlive(bench, 2000)
    bench.result(2)
    passAlive(bench, 2000)
    expect(bench.dials).toHaveLength(1)
  })
})

describe('a server without room', () => {
  it('gets the same bytes again after a pause, and the caller hears nothing of it', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 2)
    const before = bench.commands()
    bench.refuse('BUSY')
    submitAll(bench, 3, 3)
    expect(bench.commands()).toEqual([])
    bench.pass(25)
    expect(bench.commands().slice(0, 2)).toEqual(before)
    expect(bench.answers).toEqual([])
  })

  it('is asked less and less often until it takes something', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 1)
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      bench.refuse('BUSY')
      const since = bench.now
      bench.commands()
      while (bench.commands().length === 0) passAlive(bench, 1)
      waits.push(bench.now - since)
    }
    expect(waits[0]).toBeLessThanOrEqual(26)
    expect(waits.at(-1)).toBeGreaterThanOrEqual(500)
    expect(waits.at(-1)).toBeLessThanOrEqual(1001)
  })

  it('is asked soon again after a result, and at once after a new link', () => {
    const bench = attachedBench()
    submitAll(bench, 1, 2)
    const refusals = (count: number) => {
      for (let i = 0; i < count; i++) {
        bench.refuse('BUSY')
        bench.commands()
        while (bench.commands().length === 0) passAlive(bench, 10)
      }
    }
    refusals(8)
    bench.result(1)
    bench.refuse('BUSY')
    passAlive(bench, 25)
    expect(bench.numbers()).toEqual([2])
    refusals(8)
    bench.refuse('BUSY')
    bench.reattach(2)
    bench.turn()
    expect(bench.numbers()).toEqual([2])
    bench.refuse('BUSY')
    passAlive(bench, 25)
    expect(bench.numbers()).toEqual([2])
  })

  it('gets a read again after a pause', () => {
    const bench = attachedBench()
    bench.query(1)
    bench.turn()
    bench.sent()
    bench.refuse('BUSY', '', 1)
    bench.pass(25)
    expect(bench.sent()).toMatchObject([{ kind: 'read', read: 1 }])
    expect(bench.answers).toEqual([])
  })
})

describe('requests that build on others', () => {
  it('name the numbers of calls on their way, which are not acknowledged before', () => {
    const bench = attachedBench()
    submitAll(bench, 11, 12)
    bench.submit(13, creating(13, 8, [12]))
    bench.turn()
    const [, , third] = bench.requests()
    expect(third?.body).toMatchObject({ after: [2] })
    for (const number of [1, 2]) bench.result(number)
    submitAll(bench, 14, 14)
    expect(bench.requests()).toMatchObject([{ number: 4, ackedBelow: 2 }])
    bench.result(3)
    submitAll(bench, 15, 15)
    expect(bench.requests()).toMatchObject([{ number: 5, ackedBelow: 4 }])
  })

  it('leave out what was executed before they are sent', () => {
    const bench = attachedBench(1)
    bench.submit(1)
    bench.submit(2, creating(2, 8, [1]))
    bench.turn()
    bench.result(1)
    bench.commands()
    bench.turn()
    expect(bench.requests()).toMatchObject([{ number: 2, ackedBelow: 2, body: { after: [] } }])
  })

  it('are not sent when it was refused, timed out or unknown', () => {
    const bench = attachedBench(1)
    bench.submit(1)
    bench.submit(2, creating(2), 100)
    bench.submit(3, creating(3, 8, [1]))
    bench.submit(4, creating(4, 8, [2]))
    bench.submit(5, creating(5, 8, [4]))
    bench.submit(6, creating(6, 8, [99]))
    expect(bench.answers).toEqual([{ kind: 'failed', call: 6, code: 'NOT_AFTER', executed: 'no' }])
    bench.turn()
    bench.pass(100)
    bench.result(1, 9, { kind: 'refused', code: 'EXISTS', write: 0 })
    bench.commands()
    bench.turn()
    expect(bench.commands()).toEqual([])
    const failures = bench.answers.filter((answer) => answer.kind === 'failed')
    expect(failures.map(({ call, code, executed }) => [call, code, executed])).toEqual([
      [6, 'NOT_AFTER', 'no'],
      [2, 'TIMEOUT', 'no'],
      [3, 'NOT_AFTER', 'no'],
      [4, 'NOT_AFTER', 'no'],
      [5, 'NOT_AFTER', 'no'],
    ])
  })
})
