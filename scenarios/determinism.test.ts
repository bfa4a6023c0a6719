import { tmpdir } from 'node:os'
import { afterEach, expect, it } from 'vitest'
import { run } from '../sim/run.ts'
import { Built } from './built.contract.ts'
import { draw } from './registry.ts'

const copies: Built[] = []
afterEach(() => {
  for (const copy of copies.splice(0)) copy.dispose()
})

function copied(): Built {
  const copy = Built.copy()
  copies.push(copy)
  return copy
}

/** Long enough for elections, snapshots, lost frames and a few partitions. */
const world = ['--scenario', 'flapping', '--seed', 'two halves', '--stop-at', '12000']

it('ends alike twice in one process', () => {
  const ends = [1, 2].map(() => {
    const { endValue, steps } = run('7', draw('torn-wal-tail', '7'), { wallMs: () => 0 })
    return `${endValue} after ${steps} steps`
  })
  expect(ends[1]).toBe(ends[0])
  expect(ends[0]).not.toBe(run('8', draw('torn-wal-tail', '8'), { wallMs: () => 0 }).endValue)
})

it('ends alike in processes that differ in all that a program can notice', () => {
  const built = new Built()
  const plain = built.line(world)
  expect(plain.steps).toBe(12_000)
  const others = [
    built.line(world, { env: { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' } }),
    built.line(world, { flags: ['--hash-seed=7', '--random-seed=7'], cwd: tmpdir() }),
    built.line(world, { flags: ['--max-semi-space-size=1', '--stack-size=900'], env: { NODE_ENV: 'production' } }),
  ]
  for (const other of others) expect({ ...other, wallMs: 0 }).toEqual({ ...plain, wallMs: 0 })
})

it('notices a core that reads the clock', () => {
  const leaky = copied()
  expect(leaky.line(world).endValue).toBe(leaky.line(world).endValue)
  leaky.patch('core/server/cluster-clock.js', 'return Math.floor(', 'return Date.now() % 1e6 + Math.floor(')
  expect(leaky.line(world).endValue).not.toBe(leaky.line(world).endValue)
})

it('notices a codec that swaps two fields', () => {
  const swapping = copied()
  swapping.patch(
    'core/wire/codec.js',
    'values[name] = field.read(reader);',
    `{ const swapped = codec.kind === 'append' ? { commit: 'prevTerm', prevTerm: 'commit' } : {}
     values[swapped[name] ?? name] = field.read(reader); }`,
  )
  const { status, out } = swapping.sim(['--seed', '42', '--json'])
  expect(out).toContain('"verdict":"violated"')
  expect(status).toBe(1)
})
