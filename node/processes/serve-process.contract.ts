import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The command as it is installed: built, not transpiled on the way. */
const command = fileURLToPath(new URL('../../dist/node/main.js', import.meta.url))

/** What a process logged: when, and its level with its text. */
export interface LogLine {
  readonly time: number
  readonly text: string
}

/** How a process ended: by itself with a code, or by a signal. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** One run of the `coterie` command as a process of its own. */
export class CommandProcess {
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''
  #exit: Exit | undefined

  constructor(args: readonly string[]) {
    if (!existsSync(command)) throw new Error(`${command} is missing: run \`npm run build\` first`)
    this.#child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    // `close`, not `exit`: only then has everything that it wrote been read.
    this.exited = new Promise((resolve) => {
      this.#child.on('close', (code, signal) => {
        this.#exit = { code, signal }
        resolve(this.#exit)
      })
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#exit === undefined
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Its log so far. */
  get log(): readonly LogLine[] {
    return this.#stdout.split('\n').flatMap(logLine)
  }

  /** The lines of its log that match. */
  logged(pattern: RegExp): readonly LogLine[] {
    return this.log.filter(({ text }) => pattern.test(text))
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.exited
  }
}

const levels: Readonly<Record<string, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }

/** A line that is still being written is none yet. */
function logLine(line: string): readonly LogLine[] {
  if (!line.endsWith('}')) return []
  const { time, level, msg } = JSON.parse(line) as {
    readonly time: number
    readonly level: number
    readonly msg: string
  }
  return [{ time, text: `${levels[level] ?? level} ${msg}` }]
}
