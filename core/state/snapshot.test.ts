import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Malformed } from '../lib/bytes.ts'
import type { Command, Write } from '../wire/command.ts'
import { encodeCommand } from '../wire/command-codec.ts'
import { encodeDelta } from '../wire/delta-codec.ts'
import { encodeGraph } from '../wire/graph-codec.ts'
import type { ClientIndex, HistoryId } from '../wire/ids.ts'
import { deltas, graphs } from '../wire/value.contract.ts'
import type { StateLimits } from './limits.ts'
import { ReplicatedState } from './replicated-state.ts'
import type { SnapshotView } from './snapshot.ts'
import { Bench, change, create, graphOf, remove, set } from './state.contract.ts'

const limits: Partial<StateLimits> = {
  tombstonesMax: 3,
  tombstoneBytesMax: 420,
  tombstoneMs: 500,
  deltasMax: 4,
  documentBytesMax: 400,
}

const space = fc.constantFrom('s', 't')
const key = fc.constantFrom('a', 'b', 'c', 'd')
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), space, key, value: graphs.map(encodeGraph) }),
  fc.record({
    kind: fc.constant('create' as const),
    space,
    key,
    value: fc.constant(encodeGraph(graphOf({ n: 1, a: {} }))),
  }),
  fc.record({ kind: fc.constant('delete' as const), space, key, birth: fc.constant(0) }),
  fc.record({
    kind: fc.constant('change' as const),
    space,
    key,
    birth: fc.constant(0),
    delta: deltas.map(encodeDelta),
  }),
  fc
    .tuple(key, fc.constantFrom('a', 'b', 'n'), fc.integer())
    .map(([name, field, value]): Write => change(name, [set(field, value)])),
)
/** What one of three clients does; numbers and indexes are worked out when the history is played. */
const step = fc.record({
  who: fc.nat({ max: 2 }),
  what: fc.constantFrom('write', 'write', 'write', 'write', 'repeat', 'register', 'expire', 'clock', 'noop', 'bad'),
  writes: fc.array(write, { minLength: 1, maxLength: 3 }),
  acks: fc.nat({ max: 4 }),
  waitMs: fc.nat({ max: 200 }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Turns steps into payloads as clients and a leader that see the state would make them. */
function payloadOf(
  { who, what, writes, acks }: Step,
  state: ReplicatedState,
  sent: Uint8Array[],
): Uint8Array | undefined {
  const clients = [...state.clients()]
  const chosen = clients[who % Math.max(1, clients.length)]
  const command = (): Command => {
    if (what === 'expire')
      return { kind: 'expire', clients: clients.map(([client, { touch }]) => ({ client, touch })).slice(0, who) }
    if (what === 'clock') return { kind: 'clock' }
    if (chosen === undefined || what === 'register') return { kind: 'register', nonce: new Uint8Array(16).fill(who) }
    const [client, { last }] = chosen
    const body = { kind: 'transaction', after: [], reads: [], writes } as const
    return { kind: 'request', client, number: last + 1, ackedBelow: Math.max(0, last - acks), body }
  }
  if (what === 'noop') return undefined
  if (what === 'bad') return Uint8Array.of(77)
  if (what === 'repeat' && sent.length > 0) return sent[who % sent.length]
  return encodeCommand(command())
}

function play(steps: readonly Step[]): { state: ReplicatedState; log: [number, Uint8Array | undefined][] } {
  const state = new ReplicatedState(limits)
  const log: [number, Uint8Array | undefined][] = [
    [0, encodeCommand({ kind: 'found', history: '00000000000000aa' as HistoryId, servers: 'abc' })],
  ]
  const sent: Uint8Array[] = []
  applyLog(state, log)
  let stampMs = 0
  for (const each of steps) {
    const payload = payloadOf(each, state, sent)
    if (payload !== undefined) sent.push(payload)
    stampMs += each.waitMs
    log.push([stampMs, payload])
    applyLog(state, log)
  }
  return { state, log }
}

function applyLog(state: ReplicatedState, log: readonly [number, Uint8Array | undefined][], until = log.length): void {
  for (let i = state.appliedIndex; i < until; i++) {
    const [stampMs, payload] = log[i] as [number, Uint8Array | undefined]
    if (payload === undefined) state.noteApplied(i + 1, stampMs)
    else state.apply(i + 1, stampMs, payload)
  }
}

const bytesOf = (view: SnapshotView, chunkBytes = 300): string[] =>
  [...view.chunks(chunkBytes)].map((chunk) => chunk.join())

function restored(state: ReplicatedState, chunkBytes = 300): ReplicatedState {
  const restorer = ReplicatedState.restorer(limits)
  for (const chunk of state.view().chunks(chunkBytes)) restorer.push(chunk)
  return restorer.finish()
}

describe('a snapshot', () => {
  test('is the same for the same log, with or without restores on the way, and so is the state hash', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.array(fc.nat({ max: 60 }), { maxLength: 4 }),
        (steps, cuts) => {
          const { state, log } = play(steps)
          let other = new ReplicatedState(limits)
          for (const cut of [...cuts].sort((a, b) => a - b)) {
            applyLog(other, log, Math.max(other.appliedIndex, Math.min(cut, log.length)))
            other = restored(other)
            other.checkEverything()
          }
          applyLog(other, log)
          state.checkEverything()
          expect(other.digest()).toBe(state.digest())
          expect(other.recomputeDigest()).toBe(state.digest())
          expect(bytesOf(other.view())).toEqual(bytesOf(state.view()))
        },
      ),
      { seed: 60, numRuns: 150 },
    )
  })

  test('holds the moment at which it was taken, whatever is applied while it is written', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), fc.nat({ max: 40 }), (steps, cut) => {
        const { log } = play(steps)
        const at = Math.min(cut + 1, log.length)
        const state = new ReplicatedState(limits)
        applyLog(state, log, at)
        const expected = bytesOf(state.view())
        const view = state.view()
        const written: string[] = []
        for (const chunk of view.chunks(300)) {
          written.push(chunk.join())
          applyLog(state, log, Math.min(log.length, state.appliedIndex + 3))
        }
        applyLog(state, log)
        expect(written).toEqual(expected)
        expect(bytesOf(view)).toEqual(expected)
      }),
      { seed: 61, numRuns: 80 },
    )
  })

  test('does not show how the tree of documents came to its shape', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `k${(i * 7919) % 500}`)
    const make = (order: readonly string[], extra: boolean) => {
      const bench = new Bench()
      const all = order.map((key) => create(key, graphOf({ key })))
      const extras = Array.from({ length: 2000 }, (_, i) => create(`x${i}`, graphOf(i)))
      bench.transact(extra ? extras : [])
      bench.transact(extra ? extras.map(({ key }) => remove(key)) : [])
      bench.transact(all)
      bench.transact(all.map(({ key }) => change(key, [set('more', 1)])))
      return bench.state
    }
    const one = make(keys, false)
    const other = make([...keys].reverse(), true)
    expect(other.digest()).toBe(one.digest())
    expect(bytesOf(other.view(), 5000)).toEqual(bytesOf(one.view(), 5000))
  })

  test('is written and read in steps of bounded size, however many documents there are', () => {
    const bench = new Bench()
    for (let i = 0; i < 20; i++) {
      bench.transact(Array.from({ length: 500 }, (_, k) => create(`k${i}-${k}`, graphOf({ text: 'x'.repeat(100) }))))
    }
    const chunks = bench.state.view().chunks(20_000)
    const restorer = ReplicatedState.restorer()
    for (const chunk of chunks) {
      expect(chunk.length).toBeLessThan(20_000 + 200)
      restorer.push(chunk)
    }
    expect(chunks.entriesInLargestCall).toBeLessThan(200)
    expect(restorer.entriesInLargestCall).toBe(chunks.entriesInLargestCall)
    expect(restorer.finish().digest()).toBe(bench.state.digest())
    const large = bench.state.view().chunks(10_000_000)
    expect([...large].length).toBeGreaterThan(10)
    expect(large.entriesInLargestCall).toBe(256)
  })

  test('is refused as malformed when any byte of it was changed, cut off or left out', () => {
    const { state } = play(fc.sample(step, { seed: 62, numRuns: 60 }))
    const chunks = [...state.view().chunks(300)]
    const restore = (altered: readonly Uint8Array[]): 'malformed' | string => {
      const restorer = ReplicatedState.restorer(limits)
      try {
        for (const chunk of altered) restorer.push(chunk)
        return restorer.finish().digest()
      } catch (error) {
        if (error instanceof Malformed) return 'malformed'
        throw error
      }
    }
    expect(restore(chunks)).toBe(state.digest())
    expect(restore(chunks.slice(0, -1))).toBe('malformed')
    expect(restore(chunks.slice(1))).toBe('malformed')
    expect(restore([...chunks, chunks[0] as Uint8Array])).toBe('malformed')
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, at, flip) => {
        const altered = chunks.map((chunk) => chunk.slice())
        const chunk = altered[which % altered.length] as Uint8Array
        chunk[at % chunk.length] = (chunk[at % chunk.length] as number) ^ flip
        expect(restore(altered)).toBe('malformed')
      }),
      { seed: 63, numRuns: 500 },
    )
  })
})

describe('the state hash', () => {
  test('changes with a document, a result, a registration, a tombstone, the clock and the history', () => {
    const bench = new Bench()
    const seen = new Set<string>()
    const note = () => {
      seen.add(bench.state.digest())
      expect(bench.state.recomputeDigest()).toBe(bench.state.digest())
    }
    note()
    bench.transact([create('a', graphOf({ n: 1 }))])
    note()
    bench.transact([change('a', [set('n', 2)])])
    note()
    bench.apply(bench.request({}, 2))
    note()
    const client = bench.register(9)
    note()
    bench.apply(encodeCommand({ kind: 'expire', clients: [{ client, touch: 0 }] }))
    note()
    bench.stampMs++
    bench.apply(encodeCommand({ kind: 'clock' }))
    note()
    bench.apply(encodeCommand({ kind: 'found', history: '00000000000000bb' as HistoryId, servers: '' }))
    note()
    expect(seen.size).toBe(8)
  })

  test('tells two states apart that differ in one byte of one document or in one result', () => {
    const digestOf = (value: number, number: number) => {
      const bench = new Bench()
      bench.transact([create('a', graphOf({ n: 0 }))])
      bench.transact([change('a', [set('n', value)])])
      bench.apply(bench.request({ writes: [create(number === 0 ? 'a' : 'b', graphOf(1)), remove('b')] }))
      return bench.state.digest()
    }
    const client = 1 as ClientIndex
    expect(new Bench().client).toBe(client)
    expect(new Set([digestOf(1, 0), digestOf(2, 0), digestOf(1, 1), digestOf(2, 1)]).size).toBe(4)
    expect(digestOf(1, 0)).toBe(digestOf(1, 0))
  })
})
