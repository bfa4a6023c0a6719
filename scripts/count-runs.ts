import { Checks, expect } from './checks.ts'
import { readRuns } from './runs.ts'

/** Counts the runs of a sweep: each of so many seeds must be there and have held. */

const [expected = '', path = ''] = process.argv.slice(2)
const { runs } = readRuns(path)
const checks = new Checks()
for (const { verdict, command } of runs) {
  if (verdict === 'held') checks.passed++
  else await checks.run(command, () => expect(false, verdict))
}
if (runs.length !== Number(expected))
  await checks.run('the sweep', () => expect(false, `it has ${runs.length} runs, not ${expected}`))
checks.finish()
