import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Mutant, transform } from './mutant.ts'

/** What a simulated world consists of. */
const folders = ['core', 'sim', 'scenarios']

/**
 * Compiles the sources of a repository in folders of its own, as they are or with one mutant in them.
 * Invariant: nothing of the repository is written to; what was made is gone after `close`.
 */
export class Workshop {
  readonly #root: string
  readonly #folder: string
  #built = 0

  constructor(root: string) {
    this.#root = root
    this.#folder = mkdtempSync(join(tmpdir(), 'coterie-mutants-'))
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /**
   * The folder of the compiled program. Throws `Misfit`, or when the compiler can't make sense of the changed source.
   */
  async build(mutant: Mutant | undefined, signal: AbortSignal): Promise<string> {
    const place = join(this.#folder, `${++this.#built}`)
    for (const folder of folders) {
      cpSync(join(this.#root, folder), join(place, folder), { recursive: true, filter: isCompiled })
    }
    symlinkSync(join(this.#root, 'node_modules'), join(place, 'node_modules'), 'dir')
    cpSync(join(this.#root, 'package.json'), join(place, 'package.json'))
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(this.#settings()))
    if (mutant !== undefined) {
      const file = join(place, mutant.file)
      writeFileSync(file, transform(readFileSync(file, 'utf8'), mutant))
    }
    await this.#compile(place, signal)
    return join(place, 'dist')
  }

  /** Takes a compiled program away again. */
  discard(dist: string): void {
    rmSync(dirname(dist), { recursive: true, force: true })
  }

  /** Types are not checked: a bug need not be well typed. */
  #settings(): object {
    return {
      extends: join(this.#root, 'tsconfig.base.json'),
      compilerOptions: { types: ['node'], rootDir: '.', outDir: 'dist', noCheck: true },
      include: folders,
    }
  }

  #compile(place: string, signal: AbortSignal): Promise<void> {
    const compiler = join(this.#root, 'node_modules', 'typescript', 'bin', 'tsc')
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [compiler, '-p', place], { stdio: ['ignore', 'pipe', 'inherit'], signal })
      let said = ''
      child.stdout.on('data', (data) => {
        said += String(data)
      })
      child.on('error', reject)
      child.on('close', (code) => {
        if (code === 0 && existsSync(join(place, 'dist'))) resolve()
        else reject(new Error(`the changed source does not compile: ${said}`))
      })
    })
  }
}

function isCompiled(path: string): boolean {
  return !/\.(test|contract)\.ts$/.test(path) && !path.endsWith('.txt')
}
