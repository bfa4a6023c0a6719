import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RunLine } from '../sim/run-line.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

export interface BuiltOptions {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** For Node itself. */
  readonly flags?: readonly string[] | undefined
}

export interface Output {
  readonly status: number | null
  readonly out: string
  readonly errors: string
}

/** The built command, in its place or as a copy in which something can be broken. */
export class Built {
  readonly folder: string

  constructor(folder: string = root) {
    if (!existsSync(join(folder, 'dist', 'scenarios', 'main.js'))) throw new Error('build first: npm run build')
    this.folder = folder
  }

  /** A copy that is removed by `dispose`. */
  static copy(): Built {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-'))
    for (const part of ['core', 'sim', 'scenarios'])
      cpSync(join(root, 'dist', part), join(folder, 'dist', part), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n')
    return new Built(folder)
  }

  dispose(): void {
    if (this.folder !== root) rmSync(this.folder, { recursive: true })
  }

  /** Replaces text of a built file; the text must be there, once. */
  patch(file: string, text: string, by: string): void {
    const path = join(this.folder, 'dist', file)
    const parts = readFileSync(path, 'utf8').split(text)
    if (parts.length !== 2) throw new Error(`${file} holds ${parts.length - 1} times: ${text}`)
    writeFileSync(path, parts.join(by))
  }

  sim(words: readonly string[], options: BuiltOptions = {}): Output {
    const main = join(this.folder, 'dist', 'scenarios', 'main.js')
    const { status, stdout, stderr } = spawnSync(process.execPath, [...(options.flags ?? []), main, ...words], {
      cwd: options.cwd ?? this.folder,
      env: { ...process.env, ...options.env },
      encoding: 'utf8',
    })
    return { status, out: stdout, errors: stderr }
  }

  /** Runs one world and reads its line. */
  line(words: readonly string[], options: BuiltOptions = {}): RunLine {
    const { out, errors } = this.sim([...words, '--json'], options)
    if (!out.startsWith('{')) throw new Error(`no line of JSON came: ${errors}`)
    return JSON.parse(out) as RunLine
  }
}
