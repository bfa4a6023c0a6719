import { type ChildProcess, fork } from 'node:child_process'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Processes that this one started, and folders that it made: all of them are gone when it ends, however it ends. */
const running = new Set<ChildProcess>()
const folders = new Set<string>()
let isWatching = false

function watch(): void {
  if (isWatching) return
  isWatching = true
  process.on('exit', cleanUp)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
}

function cleanUp(): void {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

/** A folder that goes with this process. */
export function ownFolder(folder: string): string {
  watch()
  folders.add(folder)
  return folder
}

/** A process that answers over its channel. */
export class Child<To extends { readonly kind: string }, From extends { readonly kind: string }> {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #heard: From[] = []
  #awaited:
    | { readonly kind: string; readonly resolve: (message: From) => void; readonly reject: (error: Error) => void }
    | undefined
  #isEnding = false

  /** `entry`: a file beside this one, without its extension. */
  constructor(name: string, entry: string, args: readonly string[], profileFolder: string | undefined) {
    watch()
    const profile = profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`]
    this.#name = name
    this.#process = fork(fileURLToPath(new URL(`./${entry}.js`, import.meta.url)), [...args], { execArgv: profile })
    running.add(this.#process)
    this.#process.on('message', (message: From) => this.#take(message))
    this.#process.on('exit', (code, signal) => this.#ended(`${code ?? signal}`))
  }

  say(message: To): void {
    this.#process.send(message)
  }

  /** The next message of this kind; rejects when the process ends before. */
  hear<Kind extends From['kind']>(kind: Kind): Promise<Extract<From, { readonly kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const at = this.#heard.findIndex((message) => message.kind === kind)
      const isThis = (message: From): message is Extract<From, { readonly kind: Kind }> => message.kind === kind
      const settle = (message: From) => {
        if (isThis(message)) resolve(message)
      }
      if (at >= 0) for (const message of this.#heard.splice(at, 1)) settle(message)
      else this.#awaited = { kind, resolve: settle, reject }
    })
  }

  /** Ends the process in good order, so that it can write its profile. */
  stop(message: To): Promise<void> {
    this.#isEnding = true
    return new Promise((resolve) => {
      this.#process.once('exit', () => resolve())
      this.say(message)
    })
  }

  #take(message: From): void {
    if (this.#awaited?.kind !== message.kind) this.#heard.push(message)
    else {
      const { resolve } = this.#awaited
      this.#awaited = undefined
      resolve(message)
    }
  }

  #ended(how: string): void {
    running.delete(this.#process)
    if (!this.#isEnding) this.#awaited?.reject(new Error(`${this.#name} ended with ${how}`))
  }
}
