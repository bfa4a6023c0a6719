import type { Colors } from 'picocolors/types.js'
import { reasonLines } from './report.ts'
import { describeFaultKind, faultKinds } from './scenario.ts'
import type { Sweep } from './sweep.ts'
import { counted, grouped, seconds, table } from './words.ts'

/** Runs that did not hold are told in full up to here; beyond, only by their commands. */
const toldMax = 20

/** What a sweep came to: verdicts, comparisons, faults, figures, and the commands that repeat what did not hold. */
export function sweepLines(sweep: Sweep, elapsedMs: number, complaints: readonly string[], colors: Colors): string[] {
  return [
    ...table([['scenario', 'seeds', 'held', 'violated', 'failed', 'slowest'], ...scenarioRows(sweep)]),
    '',
    ...table([...sweep.compared].map(([name, compared]) => [name, compared, 'compared'])),
    ...(sweep.searches === 0
      ? []
      : [`${sweep.undecided} of ${counted(sweep.searches, 'search', 'searches')} undecided`]),
    '',
    ...faultLines(sweep),
    '',
    ...figures(sweep, elapsedMs),
    ...sweep.bad.flatMap((line, i) => [
      '',
      colors.red(`${line.verdict}: ${line.command}`),
      ...(i < toldMax ? reasonLines(line) : []),
    ]),
    ...sweep.unrepeatable.map((text) => colors.red(`not repeatable: ${text}`)),
    ...complaints.map((text) => colors.red(`proves too little: ${text}`)),
  ]
}

function scenarioRows(sweep: Sweep): (string | number)[][] {
  return [...sweep.tallies].map(([name, { runs, verdicts, slowest }]) => [
    name,
    runs,
    verdicts.held,
    verdicts.violated,
    verdicts.failed,
    slowest === undefined ? '' : `seed ${slowest.seed} in ${seconds(slowest.wallMs)}`,
  ])
}

function faultLines(sweep: Sweep): string[] {
  const struck = faultKinds
    .map((kind) => [kind, sweep.runsWith(`fault-${kind}`)] as const)
    .filter(([, runs]) => runs > 0)
  return table(
    struck.map(([kind, runs]) => [describeFaultKind(kind), 'struck in', runs, runs === 1 ? 'seed' : 'seeds']),
  )
}

function figures(sweep: Sweep, elapsedMs: number): string[] {
  const { delivered, simulatedMs, wallMs, repeated } = sweep
  const rate = Math.round((delivered * 1000) / Math.max(elapsedMs, 1))
  const each = Math.round((delivered * 1000) / Math.max(wallMs, 1))
  const again = repeated === 0 ? [] : [`${counted(repeated, 'run')} repeated, to the same end unless told otherwise`]
  const work = `${grouped(delivered)} deliveries, ${grouped(rate)} a second (${grouped(each)} in each process)`
  return [`${work}; ${seconds(simulatedMs)} simulated in ${seconds(elapsedMs)}`, ...again]
}
