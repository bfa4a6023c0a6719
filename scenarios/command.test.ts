import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunLine } from '../sim/run-line.ts'
import { Built } from './built.contract.ts'
import { registry } from './registry.ts'

const built = new Built()
const short = ['--scenario', 'power-loss-of-all']

describe('npm run sim', () => {
  it('shows a world, its story, what was compared, and how to see it again', () => {
    const { status, out } = built.sim([...short, '--seed', '2'])
    expect(status).toBe(0)
    expect(out).toMatch(/^power-loss-of-all, seed 2\n/)
    expect(out).toMatch(/faults {3}\d × power loss/)
    expect(out).toMatch(/\d+\.\d{3} ms {2}all servers {2}lose power/)
    expect(out).toMatch(/linearizable-by-log {2,}[\d,]+ {2}compared/)
    expect(out).toMatch(/held: [\d,]+ operations acknowledged/)
    expect(out).toMatch(/[\d,]+ deliveries a second; [\d.]+ s simulated in [\d.]+ s, \d+ times real time/)
    expect(out).toMatch(/end value [0-9a-f]{8} {4}npm run sim -- --scenario power-loss-of-all --seed 2\n$/)
    expect(out).not.toContain('\u001b')
  })

  it('lists every scenario', () => {
    const { status, out } = built.sim(['--list'])
    expect(status).toBe(0)
    for (const { name, describe: claim } of registry.values()) expect(out).toContain(`${name}\n  ${claim}\n`)
  })

  it('says what is wrong with its words', () => {
    const { status, out, errors } = built.sim(['--scenario', 'no-such-thing'])
    expect([status, out, errors]).toEqual([2, '', 'error: there is no scenario no-such-thing; --list names all\n'])
    expect(built.sim(['--trace', '/nowhere/at/all']).status).toBe(2)
  })

  it('writes a trace and a history up to the step at which it is to stop', () => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-'))
    const files = { trace: join(folder, 'trace.jsonl'), history: join(folder, 'history.jsonl') }
    built.line([...short, '--seed', '2', '--stop-at', '5000', '--trace', files.trace, '--history', files.history])
    const trace = linesOf(files.trace).map(
      (line) => JSON.parse(line) as { readonly step?: number; readonly text?: string },
    )
    const history = linesOf(files.history).map((line) => JSON.parse(line) as { readonly type: string })
    rmSync(folder, { recursive: true })
    expect(trace.filter(({ step }) => step !== undefined)).toHaveLength(5000)
    expect(trace.filter(({ text }) => text?.startsWith('leads term') === true)).not.toEqual([])
    expect(new Set(history.map(({ type }) => type))).toEqual(new Set(['invoke', 'ok', 'fail']))
  })

  it('sweeps seeds over processes, and repeats a world to see that it ends alike', () => {
    const { status, out, errors } = built.sim([...short, '--seeds', '1..3', '--jobs', '2', '--json'])
    expect(status).toBe(0)
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RunLine)
    expect(lines.map(({ seed }) => seed).sort()).toEqual(['1', '2', '3'])
    expect(lines.every(({ verdict }) => verdict === 'held')).toBe(true)
    expect(errors).toContain('1 run repeated')
  })

  it('ends its processes and says what was done when it is interrupted', async () => {
    const words = ['dist/scenarios/main.js', ...short, '--seeds', '5000', '--jobs', '2', '--json']
    const child = spawn(process.execPath, words, { cwd: built.folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr.on('data', (bytes) => {
      errors += bytes
    })
    child.stdout.once('data', () => child.kill('SIGINT'))
    const status = await new Promise((resolve) => child.on('close', resolve))
    expect(status).toBe(130)
    expect(errors).toMatch(/interrupted: \d+ of 5000 worlds were run/)
  })
})

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').trim().split('\n')
}
