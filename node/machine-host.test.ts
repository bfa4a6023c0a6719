import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Machine, Millis } from '../core/machine.ts'
import type { DiskOp } from '../core/storage/disk.ts'
import type { Link } from '../core/wire/ids.ts'
import { MemoryHub } from '../transports/memory/memory-hub.ts'
import { MemoryTransport } from '../transports/memory/memory-transport.ts'
import { type Beat, type HostEffect, MachineHost } from './machine-host.ts'

type Own = { readonly kind: 'go'; readonly effects?: readonly Effect[] }
type Other = { readonly kind: 'event'; readonly text: string }
type Effect = HostEffect | Other

interface Step {
  readonly kind: string
  readonly now: Millis
}

/** Says back what it is told to, and writes down what it hears. */
class Probe implements Machine<Beat | Own, Effect> {
  readonly steps: Step[] = []
  deadline: Millis | undefined
  checks = 0
  onStep: (input: Beat | Own) => void = () => {}

  step(input: Beat | Own, now: Millis): readonly Effect[] {
    this.steps.push({ kind: input.kind, now })
    this.onStep(input)
    return input.kind === 'go' ? (input.effects ?? []) : []
  }

  nextDeadline(): Millis | undefined {
    return this.deadline
  }

  checkInvariants(): void {
    this.checks++
  }

  get kinds(): readonly string[] {
    return this.steps.map((step) => step.kind)
  }
}

let probe: Probe
let host: MachineHost<Own, Other>
let transport: MemoryTransport
const ops: DiskOp[] = []
const events: string[] = []
const failures: unknown[] = []
let onEvent: () => void

beforeEach(() => {
  probe = new Probe()
  transport = new MemoryTransport(new MemoryHub(), () => {})
  onEvent = () => {}
  for (const list of [ops, events, failures]) list.length = 0
  host = new MachineHost<Own, Other>({
    machine: probe,
    transport,
    startDisk: (op) => ops.push(op),
    onEffect: (effect) => {
      events.push(effect.text)
      onEvent()
    },
    onFailure: (error) => failures.push(error),
  })
})

afterEach(() => host.stop())

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

test('the inputs of one turn of the event loop share one turn of the machine', async () => {
  for (let i = 0; i < 3; i++) host.feed({ kind: 'go' })
  expect(probe.kinds).toEqual(['go', 'go', 'go'])
  await turn()
  await turn()
  expect(probe.kinds).toEqual(['go', 'go', 'go', 'turn'])
})

test('the clock is read after the input was received, also behind a pause of the process', () => {
  const pauseEnds = performance.now() + 30
  while (performance.now() < pauseEnds);
  host.feed({ kind: 'go' })
  expect(probe.steps[0]?.now).toBeGreaterThanOrEqual(pauseEnds)
})

test('a deadline brings a tick when it is due, and not before', async () => {
  const due = performance.now() + 40
  probe.deadline = due
  probe.onStep = (input) => {
    if (input.kind === 'tick') probe.deadline = undefined
  }
  host.feed({ kind: 'go' })
  while (!probe.kinds.includes('tick')) await pause(1)
  await turn()
  expect(probe.kinds).toEqual(['go', 'turn', 'tick', 'turn'])
  expect(probe.steps[2]?.now).toBeGreaterThanOrEqual(due)
  expect(probe.steps[2]?.now).toBeLessThan(due + 500)
})

test('an earlier deadline replaces a later one', async () => {
  probe.deadline = performance.now() + 60_000
  host.feed({ kind: 'go' })
  await turn()
  probe.deadline = performance.now() + 10
  host.feed({ kind: 'go' })
  while (!probe.kinds.includes('tick')) await pause(1)
})

test('a machine that is always due gets a tick and a turn in each turn, and the event loop goes on', async () => {
  probe.deadline = 0
  host.start()
  let timers = 0
  for (; timers < 5; timers++) await pause(1)
  expect(timers).toBe(5)
  probe.deadline = undefined
  await turn()
  await turn()
  expect(probe.kinds.slice(0, 5)).toEqual(['tick', 'turn', 'tick', 'turn', 'tick'])
})

test('what is fed while effects are carried out comes after them', () => {
  onEvent = () => {
    onEvent = () => {}
    host.feed({ kind: 'go', effects: [{ kind: 'event', text: 'third' }] })
  }
  const effects: Effect[] = [
    { kind: 'event', text: 'first' },
    { kind: 'event', text: 'second' },
  ]
  host.feed({ kind: 'go', effects })
  expect(events).toEqual(['first', 'second', 'third'])
})

test('effects on links and files reach the transport and the disk', async () => {
  const op: DiskOp = { op: 'remove', id: 1, file: 'x' }
  const link = 1 as Link
  const effects: Effect[] = [
    { kind: 'disk', op },
    { kind: 'dial', link, address: 'nobody:1' },
    { kind: 'send', link, frame: Uint8Array.of(1) },
  ]
  host.feed({ kind: 'go', effects })
  expect(ops).toEqual([op])
  expect(transport.stats.dialled).toBe(1)
  expect(transport.backlog(link)).toBeGreaterThan(0)
  host.feed({ kind: 'go', effects: [{ kind: 'close', link, reason: 'enough' }] })
  expect(transport.stats.links).toBe(0)
})

test('a machine that throws is fed nothing any more, and its links are closed', async () => {
  host.feed({ kind: 'go', effects: [{ kind: 'dial', link: 1 as Link, address: 'nobody:1' }] })
  const error = new Error('broken')
  probe.onStep = () => {
    throw error
  }
  host.feed({ kind: 'go' })
  host.feed({ kind: 'go' })
  await turn()
  expect(failures).toEqual([error])
  expect(probe.kinds).toEqual(['go', 'go'])
  expect(host.isStopped).toBe(true)
  expect(transport.stats.links).toBe(0)
})

test('one turn in a thousand checks the invariants, and a broken one is a failure', async () => {
  probe.deadline = 0
  host.start()
  while (probe.checks === 0) await turn()
  expect(probe.kinds.filter((kind) => kind === 'turn').length).toBe(1000)
  probe.checkInvariants = () => {
    throw new Error('crooked')
  }
  while (!host.isStopped) await turn()
  expect(failures).toEqual([new Error('crooked')])
})
