import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Checks, expect } from './checks.ts'
import { clientOf, consumer, use, wrongConsumer } from './package-users.ts'
import { eventually, freePort, mustRun } from './run-command.ts'

/**
 * Packs what would be published, installs it where nothing else is, and uses it as its users do.
 * Not here: what the library does; only that all of it arrives.
 */

const root = fileURLToPath(new URL('..', import.meta.url))
/** The oldest Node.js that package.json admits, the long-term lines, and the one that runs this. */
const nodeVersions = ['20.19.0', '22', '24'] as const

interface PackedFile {
  readonly path: string
}
interface Packed {
  readonly filename: string
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly PackedFile[]
}

const folder = mkdtempSync(join(tmpdir(), 'coterie-package-'))
const installed = (...path: string[]) => join(folder, 'node_modules', ...path)
const command = installed('.bin', 'coterie')
const children: ChildProcess[] = []
const checks = new Checks()

process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

await checkAll()
checks.finish()

async function checkAll(): Promise<void> {
  let packed: Packed | undefined
  await checks.run('npm pack builds a tarball', async () => {
    packed = await pack()
  })
  if (packed === undefined) return
  const { filename, files } = packed
  await checks.run('the tarball holds what users need, and no tests, kits, scenarios or benchmarks', () => {
    checkFiles(files.map(({ path }) => path))
  })
  if (!(await checks.run('it installs in an empty folder', () => install(filename)))) return
  await checkCode()
  await checkTypes()
  await checks.run('npx coterie --help tells of serve and status', async () => {
    const help = await mustRun('npx', ['coterie', '--help'], { cwd: folder })
    expect(/^\s+serve\b/m.test(help) && /^\s+status\b/m.test(help), help)
  })
  await checkServer()
}

async function pack(): Promise<Packed> {
  const listing = await mustRun('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  const [packed] = JSON.parse(listing.slice(listing.indexOf('['))) as Packed[]
  expect(packed !== undefined, `npm pack said ${listing}`)
  const { filename, size, unpackedSize, files } = packed
  console.log(`        ${filename}: ${kib(size)} packed, ${kib(unpackedSize)} unpacked, ${files.length} files`)
  return packed
}

function checkFiles(paths: readonly string[]): void {
  const allowed = /^(?:dist\/(?:core|transports|node|http|sim)\/.+\.(?:js|d\.ts)|[A-Z]+(?:\.md)?|package\.json)$/
  const banned = /\.test\.|\.contract\.|^dist\/sim\/mutants\//
  const strange = paths.filter((path) => !allowed.test(path) || banned.test(path))
  expect(strange.length === 0, `it also holds ${strange.join(', ')}`)
  const needed = ['README.md', 'LICENSE', 'CHANGELOG.md', 'ARCHITECTURE.md', 'package.json', 'dist/node/main.js']
  const missing = [...needed, 'dist/node/index.d.ts', 'dist/sim/index.js'].filter((path) => !paths.includes(path))
  expect(missing.length === 0, `it lacks ${missing.join(', ')}`)
}

async function install(filename: string): Promise<void> {
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  await mustRun('npm', ['install', '--no-audit', '--no-fund', join(folder, filename)], { cwd: folder })
}

async function checkCode(): Promise<void> {
  writeFileSync(join(folder, 'use.mjs'), use.imports)
  writeFileSync(join(folder, 'use.cjs'), use.requires)
  for (const version of nodeVersions) {
    for (const [verb, file] of [
      ['import', 'use.mjs'],
      ['require', 'use.cjs'],
    ] as const) {
      await checks.run(`Node.js ${version} can ${verb} coterie and coterie/sim`, async () => {
        const script = `node -p process.version && node ${file}`
        const out = await mustRun('npx', ['-y', '-p', `node@${version}`, '-c', script], { cwd: folder })
        const [running = '', said] = out.trim().split('\n')
        expect(running === `v${version}` || running.startsWith(`v${version}.`), `${running} ran`)
        expect(said === use.prints, `it found ${said}`)
      })
    }
  }
}

async function checkTypes(): Promise<void> {
  const options = { module: 'nodenext', target: 'es2023', lib: ['es2023'], types: [], strict: true, noEmit: true }
  writeFileSync(join(folder, 'consumer.mts'), consumer)
  writeFileSync(join(folder, 'consumer.cts'), consumer)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['consumer.mts', 'consumer.cts'] }),
  )
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await checks.run('a TypeScript program type-checks against the types, from ESM and from CommonJS', () =>
    mustRun(process.execPath, [compiler, '-p', folder], { cwd: folder }),
  )
  await checks.run('the types refuse what the library would', async () => {
    writeFileSync(join(folder, 'wrong.mts'), wrongConsumer)
    const wrong = { compilerOptions: options, files: ['wrong.mts'] }
    writeFileSync(join(folder, 'tsconfig.wrong.json'), JSON.stringify(wrong))
    const checked = mustRun(process.execPath, [compiler, '-p', 'tsconfig.wrong.json'], { cwd: folder })
    const said = await checked.then(
      () => 'nothing',
      (error: Error) => error.message,
    )
    const lines = wrongConsumer.split('\n').flatMap((line, at) => (line.includes('// wrong') ? [at + 1] : []))
    const unseen = lines.filter((line) => !said.includes(`wrong.mts(${line},`))
    expect(unseen.length === 0, `no error in line ${unseen.join(', ')}; the compiler said ${said}`)
  })
}

async function checkServer(): Promise<void> {
  const address = `127.0.0.1:${await freePort()}`
  const args = ['serve', '--name', 'a', '--servers', `a=${address}`, '--data', join(folder, 'data')]
  const server = spawn(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  children.push(server)
  await checks.run('coterie serve runs a server, and coterie status --json tells of it', async () => {
    const status = await eventually(async () => {
      const said = JSON.parse(await mustRun(command, ['status', '--server', address, '--json'])) as { role?: unknown }
      expect(said.role === 'leader', `it is ${JSON.stringify(said.role)}`)
      return said
    })
    const missing = ['term', 'commit', 'applied', 'members', 'history', 'clients'].filter((name) => !(name in status))
    expect(missing.length === 0, `the status lacks ${missing.join(', ')}`)
  })
  await checks.run('a program connects to it, writes and reads', async () => {
    writeFileSync(join(folder, 'client.mjs'), clientOf(address))
    const out = await mustRun(process.execPath, ['client.mjs'], { cwd: folder, timeoutMs: 30_000 })
    expect(out.trim() === '{"n":1}', `it read ${out}`)
  })
  await checks.run('SIGTERM ends the server with code 0', async () => {
    const ended = once(server, 'exit')
    server.kill('SIGTERM')
    const late = setTimeout(() => server.kill('SIGKILL'), 20_000)
    const [code, signal] = await ended
    clearTimeout(late)
    expect(code === 0, `it ended with ${code ?? signal}`)
  })
}

function kib(bytes: number): string {
  return `${Math.round(bytes / 1024)} KiB`
}
