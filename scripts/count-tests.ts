import { existsSync, readFileSync } from 'node:fs'
import { Checks, expect } from './checks.ts'

/** Counts what vitest reported as JSON: each test, and each file that did not even load. */

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly unknown[]
  }[]
}

const [path = ''] = process.argv.slice(2)
const checks = new Checks()
if (existsSync(path)) count(JSON.parse(readFileSync(path, 'utf8')) as Report)
else await checks.run('the tests ran', () => expect(false, 'they left no report'))
checks.finish()

function count(report: Report): void {
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  )
  for (const { name } of broken) console.log(`FAILED  ${name} did not load`)
  const skipped = report.numPendingTests + report.numTodoTests
  if (skipped > 0) console.log(`FAILED  ${skipped} tests were skipped`)
  checks.passed += report.numPassedTests
  checks.failed += report.numFailedTests + broken.length + skipped
}
