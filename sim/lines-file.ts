import { closeSync, openSync, writeSync } from 'node:fs'

const bufferedMax = 64 * 1024

/** A file of lines of JSON, written as they come: a trace is larger than memory should hold. */
export class LinesFile {
  readonly #file: number
  #lines: string[] = []
  #chars = 0

  /** Throws when the file can't be made. */
  constructor(path: string) {
    this.#file = openSync(path, 'w')
  }

  write(line: string): void {
    this.#lines.push(line)
    this.#chars += line.length + 1
    if (this.#chars >= bufferedMax) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }

  #flush(): void {
    if (this.#lines.length > 0) writeSync(this.#file, `${this.#lines.join('\n')}\n`)
    this.#lines = []
    this.#chars = 0
  }
}
