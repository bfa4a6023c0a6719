import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Job, Jobs } from './jobs.ts'
import type { RunLine } from './run-line.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coterie-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A process that answers each job with its seed, dies of seed 3, and never answers seed 9. */
const entry = `
process.on('message', ({ seed }) => {
  if (seed === '3') process.exit(5)
  if (seed !== '9') process.send({ seed, verdict: 'held', endValue: String(process.pid) })
})
process.on('disconnect', () => process.exit(0))
`

async function deal(seeds: readonly string[], processes: number, onLine: (jobs: Jobs) => void = () => {}) {
  const path = join(folder, 'entry.mjs')
  writeFileSync(path, entry)
  const lines: RunLine[] = []
  const all = seeds.map((seed): Job => ({ scenario: 'calm', seed, again: false }))
  const jobs: Jobs = new Jobs(
    all,
    (_, line) => {
      lines.push(line)
      onLine(jobs)
    },
    { entry: path, invocation: 'sim' },
  )
  await jobs.run(processes)
  return lines
}

it('shares the jobs among processes', async () => {
  const lines = await deal(['1', '2', '4', '5', '6', '7'], 2)
  expect(lines.map(({ seed }) => seed).sort()).toEqual(['1', '2', '4', '5', '6', '7'])
})

it('counts a job as failed when its process dies of it, and goes on with another', async () => {
  const lines = await deal(['1', '2', '3', '4'], 1)
  expect(lines.map(({ seed, verdict }) => `${seed} ${verdict}`)).toEqual(['1 held', '2 held', '3 failed', '4 held'])
  expect(lines[2]?.reason).toBe('its process ended with code 5')
  expect(lines[3]?.endValue).not.toBe(lines[0]?.endValue)
})

it('drops what is under way when it is ended', async () => {
  const lines = await deal(['1', '9', '2', '4'], 1, (jobs) => setTimeout(() => jobs.end(), 50))
  expect(lines.map(({ seed }) => seed)).toEqual(['1'])
})
