import { appendFileSync } from 'node:fs'

/**
 * Checks that run one after the other, whatever became of those before, each told in a line.
 * Where `COUNTS` names a file, a line with how many held and how many did not is added to it.
 */
export class Checks {
  passed = 0
  failed = 0

  /** False when the check failed. */
  async run(name: string, check: () => unknown): Promise<boolean> {
    const startedMs = performance.now()
    try {
      await check()
      this.passed++
      console.log(`ok      ${name} (${seconds(performance.now() - startedMs)})`)
      return true
    } catch (error) {
      this.failed++
      console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
  }

  /** Ends with an exit code that says whether all held, and that there were any. */
  finish(): void {
    const file = process.env.COUNTS
    if (file !== undefined) appendFileSync(file, `${this.passed} ${this.failed}\n`)
    process.exitCode = this.failed === 0 && this.passed > 0 ? 0 : 1
  }
}

export function expect(holds: boolean, text: string): asserts holds {
  if (!holds) throw new Error(text)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
