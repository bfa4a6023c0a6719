import { Checks, expect } from './checks.ts'
import { type RunLine, readRuns } from './runs.ts'

/**
 * Compares what the same seeds came to under several versions of Node.js: files `node-VERSION`, each begun with the
 * version that ran.
 */

const [count = '', ...paths] = process.argv.slice(2)
const checks = new Checks()
const ends: ReadonlyMap<string, RunLine>[] = []
for (const path of paths) {
  const { before, runs } = readRuns(path)
  const wanted = path.slice(path.lastIndexOf('-') + 1)
  await checks.run(`Node.js ${wanted} ran ${count} seeds`, () => {
    const [running = 'nothing'] = before
    expect(`${running}.`.startsWith(`v${wanted}.`), `${running} ran`)
    expect(runs.length === Number(count), `there are ${runs.length} runs`)
  })
  ends.push(new Map(runs.map((run) => [run.seed, run])))
}
const [first = new Map<string, RunLine>()] = ends
for (const seed of first.keys()) {
  await checks.run(`seed ${seed} held and ended alike`, () => {
    const runs = ends.map((each) => each.get(seed))
    const told = runs.map((run) => `${run?.verdict ?? 'missing'} ${run?.endValue ?? ''}`)
    expect(
      runs.every((run) => run?.verdict === 'held' && run.endValue === runs[0]?.endValue),
      told.join(', '),
    )
  })
}
checks.finish()
