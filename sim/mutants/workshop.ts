import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Mutant, transform } from './mutant.ts'

/** What a simulated world consists of. */
const folders = ['core', 'sim', 'scenarios']

/**
 * Compiles the sources of a repository in a folder of its own, as they are, and again with one mutant in them.
 * Invariant: nothing of the repository is written to; what was made is gone after `close`.
 */
export class Workshop {
  readonly #root: string
  readonly #folder: string
  #planted = 0

  constructor(root: string) {
    this.#root = root
    this.#folder = mkdtempSync(join(tmpdir(), 'coterie-mutants-'))
  }

  /** Where the compiled program without a mutant is, once `prepare` is done. */
  get sound(): string {
    return join(this.#folder, 'sound', 'dist')
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const place = this.#furnish('sound', { types: ['node'] }, folders)
    for (const folder of folders) {
      cpSync(join(this.#root, folder), join(place, 'src', folder), { recursive: true, filter: isOfProgram })
    }
    await this.#compile(place, signal)
  }

  /**
   * The folder of the compiled program with the mutant in it. Throws `Misfit`, or when the compiler can't make sense of
   * the changed source.
   */
  async plant(mutant: Mutant, signal: AbortSignal): Promise<string> {
    const changed = transform(readFileSync(join(this.#root, mutant.file), 'utf8'), mutant)
    // Only the changed file is compiled again, beside a copy of everything else.
    const place = this.#furnish(`${++this.#planted}`, { types: [], noResolve: true }, [mutant.file])
    cpSync(this.sound, join(place, 'dist'), { recursive: true })
    mkdirSync(dirname(join(place, 'src', mutant.file)), { recursive: true })
    writeFileSync(join(place, 'src', mutant.file), changed)
    await this.#compile(place, signal)
    return join(place, 'dist')
  }

  /** Takes the program with a mutant away again. */
  discard(planted: string): void {
    rmSync(dirname(planted), { recursive: true, force: true })
  }

  /**
   * A folder in which `sources` below `src` are compiled into `dist`. Types are not checked: a bug need not be well
   * typed.
   */
  #furnish(name: string, options: object, sources: readonly string[]): string {
    const place = join(this.#folder, name)
    mkdirSync(place)
    symlinkSync(join(this.#root, 'node_modules'), join(place, 'node_modules'), 'dir')
    cpSync(join(this.#root, 'package.json'), join(place, 'package.json'))
    const settings = {
      extends: join(this.#root, 'tsconfig.base.json'),
      compilerOptions: { ...options, rootDir: 'src', outDir: 'dist', noCheck: true },
      include: sources.map((source) => `src/${source}`),
    }
    writeFileSync(join(place, 'tsconfig.json'), JSON.stringify(settings))
    return place
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
        if (code === 0) resolve()
        else reject(new Error(`the changed source does not compile: ${said}`))
      })
    })
  }
}

function isOfProgram(path: string): boolean {
  return !/\.(test|contract)\.ts$/.test(path) && !path.endsWith('.txt')
}
