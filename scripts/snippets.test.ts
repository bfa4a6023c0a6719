import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { blocksOf, commandsOf, readReadme } from './readme.ts'
import { rootFolder } from './repository.ts'
import { eventually, freePort, mustRun } from './run-command.ts'

/** What README.md tells its reader to do, done in a folder of its own: one group from its snippets and its commands. */

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'coterie-readme-')))
const children: ChildProcess[] = []
const snippets = blocksOf(readReadme()).filter(({ language }) => language === 'ts')
const commands = commandsOf(readReadme()).filter((command) => command.startsWith('npx coterie '))
const ports = new Map<string, number>()

beforeAll(async () => {
  while (new Set(ports.values()).size < 3)
    for (const written of ['7400', '7401', '7402']) ports.set(written, await freePort())
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true })
  symlinkSync(rootFolder, join(folder, 'node_modules', 'coterie'))
  symlinkSync(join(rootFolder, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'))
  snippets.forEach(({ text }, at) => {
    writeFileSync(join(folder, `snippet${at}.mts`), elsewhere(text))
  })
  const compilerOptions = { module: 'nodenext', target: 'es2023', lib: ['es2023'], types: ['node'], strict: true }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.mts'] }))
})

afterAll(async () => {
  for (const child of children) {
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
    child.kill('SIGKILL')
    await ended
  }
  rmSync(folder, { recursive: true, force: true })
})

test('the snippets type-check', async () => {
  await mustRun(process.execPath, [join(rootFolder, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder])
})

test('the first snippet and the commands make a group, which the second snippet uses', async () => {
  const embedded = start('snippet0.mjs')
  const serves = commands.filter((command) => command.startsWith('npx coterie serve '))
  const others = serves.map((command) => start(...coterie(command)))
  expect(others).toHaveLength(2)
  expect((await mustRun(process.execPath, ['snippet1.mjs'], { cwd: folder })).trim()).toBe(promised(1))
  const rest = commands.filter((command) => !serves.includes(command))
  expect(rest).toHaveLength(1)
  for (const command of rest) {
    const said = await eventually(() => mustRun(process.execPath, coterie(command), { cwd: folder }))
    expect(said).toMatch(/^server +a#/)
    expect(said.match(/ voter .*\b(?:up|down)$/gm)).toHaveLength(3)
  }
  for (const server of [embedded, ...others]) expect(await endOf(server)).toBe(0)
})

test('the world of the third snippet ends as it says', async () => {
  expect((await mustRun(process.execPath, ['snippet2.mjs'], { cwd: folder })).trim()).toBe(promised(2))
})

/** The text with ports that nobody uses. */
function elsewhere(text: string): string {
  return text.replace(/(?<=127\.0\.0\.1:)\d+/g, (written) => String(ports.get(written)))
}

/** What the comments behind `console.log` say that it prints. */
function promised(snippet: number): string {
  const lines = [...(snippets[snippet]?.text ?? '').matchAll(/^console\.log\(.*\) \/\/ (.+)$/gm)]
  expect(lines.length).toBeGreaterThan(0)
  return lines.map(([, printed]) => printed).join('\n')
}

/** The arguments with which Node.js runs the command: a process that we can signal, without `npx` in front of it. */
function coterie(command: string): readonly string[] {
  return [join(rootFolder, 'dist', 'node', 'main.js'), ...elsewhere(command).split(/\s+/).slice(2)]
}

function start(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
  children.push(child)
  return child
}

async function endOf(child: ChildProcess): Promise<number | string> {
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  child.kill('SIGTERM')
  const [code, signal] = await ended
  return code ?? signal ?? 'nothing'
}
