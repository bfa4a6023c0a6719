import { describe, expect, it } from 'vitest'
import { type Action, describeOperation, History } from './history.ts'

const write: Action = { f: 'write', space: 's', key: 'k', n: 1, by: 'w1' }
const read: Action = { f: 'read', space: 's', key: 'k' }

describe('history', () => {
  it('retires the process of an operation whose result is unknown', () => {
    const history = new History(3)
    history.end(history.invoke(1, 1, write, 10), 20, { type: 'info', reason: 'timeout' })
    history.end(history.invoke(1, 1, write, 30), 40, { type: 'info', reason: 'timeout' })
    history.invoke(1, 1, read, 50)
    history.invoke(0, 1, read, 50)
    expect(history.operations.map((operation) => operation.process)).toEqual([1, 4, 7, 0])
  })

  it('gives a worker one operation at a time, and every operation one end', () => {
    const history = new History(2)
    const id = history.invoke(0, 0, write, 10)
    expect(() => history.invoke(0, 0, read, 20)).toThrow(/under way/)
    expect(() => history.invoke(5, 0, read, 20)).toThrow(/under way/)
    history.end(id, 30, { type: 'ok', observed: { kind: 'executed', index: 4 } })
    expect(() => history.end(id, 40, { type: 'info', reason: 'again' })).toThrow(/can't end/)
  })

  it('keeps beginnings and ends in the order in which they happened', () => {
    const history = new History(2)
    const first = history.invoke(0, 0, write, 10)
    const second = history.invoke(1, 1, read, 10)
    history.end(second, 12, { type: 'ok', observed: { kind: 'absent', index: 3 } })
    history.end(first, 12, { type: 'fail', code: 'GONE', index: 4 })
    const events = [...history.events()].map(({ operation, begins }) => `${operation.id} ${begins}`)
    expect(events).toEqual(['0 true', '1 true', '1 false', '0 false'])
  })

  it('goes out as JSON lines in the terms of Jepsen', () => {
    const history = new History(2)
    const first = history.invoke(0, 0, write, 10)
    const second = history.invoke(1, 1, read, 11)
    history.end(first, 12, { type: 'ok', observed: { kind: 'executed', index: 4 } })
    const value = { n: 1, by: 'w1', list: ['x'] }
    history.end(second, 13, { type: 'ok', observed: { kind: 'document', index: 4, birth: 2, version: 4, value } })
    const third = history.invoke(0, 0, { f: 'cas', space: 's', key: 'k', version: 4, n: 2, by: 'w2' }, 14)
    history.end(third, 15, { type: 'fail', code: 'CONFLICT', index: 6 })
    const fourth = history.invoke(1, 1, { f: 'append', space: 's', key: 'k', element: 'y' }, 16)
    history.end(fourth, 17, { type: 'info', reason: 'timeout' })
    const fifth = history.invoke(1, 1, { f: 'list', space: 's', after: undefined, limit: 2 }, 18)
    history.end(fifth, 19, {
      type: 'ok',
      observed: { kind: 'listing', index: 6, version: 2, keys: ['k'], more: false },
    })
    const lines = [...history.jsonLines()].map((line) => JSON.parse(line) as unknown)
    expect(lines).toHaveLength(10)
    const document = { space: 's', key: 'k' }
    const w1 = { n: 1, by: 'w1' }
    expect(lines.slice(0, 8)).toEqual([
      { index: 0, time: 10_000, type: 'invoke', process: 0, f: 'write', ...document, value: w1 },
      { index: 1, time: 11_000, type: 'invoke', process: 1, f: 'read', ...document, value: null },
      { index: 2, time: 12_000, type: 'ok', process: 0, f: 'write', ...document, value: w1, log: 4 },
      { index: 3, time: 13_000, type: 'ok', process: 1, f: 'read', ...document, value, log: 4, version: 4 },
      { index: 4, time: 14_000, type: 'invoke', process: 0, f: 'cas', ...document, value: [4, { n: 2, by: 'w2' }] },
      {
        index: 5,
        time: 15_000,
        type: 'fail',
        process: 0,
        f: 'cas',
        ...document,
        value: [4, { n: 2, by: 'w2' }],
        error: 'CONFLICT',
        log: 6,
      },
      { index: 6, time: 16_000, type: 'invoke', process: 1, f: 'append', ...document, value: 'y' },
      { index: 7, time: 17_000, type: 'info', process: 1, f: 'append', ...document, value: 'y', error: 'timeout' },
    ])
    expect(lines[9]).toMatchObject({ type: 'ok', process: 3, f: 'list', key: null, value: ['k'] })
  })

  it('describes an operation in words', () => {
    const history = new History(1)
    history.invoke(0, 0, write, 10)
    expect(describeOperation(history.operations[0] ?? expect.fail())).toBe(
      'operation 0 (write s/k {"n":1,"by":"w1"}, process 0, 10 to never ended us)',
    )
  })
})
