import type { Colors } from 'picocolors/types.js'
import type { CheckResult } from './checkers/types.ts'
import type { RunResult, Verdict } from './run.ts'
import type { RunLine } from './run-line.ts'
import { describeFaultKind, type Fault, type Scenario } from './scenario.ts'
import { counted, grouped, percent, seconds, table, wrapped } from './words.ts'
import type { StoryLine } from './world.ts'

const columns = 100
/** One broken rule often breaks a thousand times. */
const shownMax = 5

/** The world that a seed drew, before it is run. */
export function worldLines(scenario: Scenario, seed: string, claim: string, colors: Colors): string[] {
  const { servers, durability, clients, workersPerClient, keys, thinkUs, durationMs } = scenario
  const planned = new Map<Fault['kind'], number>()
  for (const { kind } of scenario.faults) planned.set(kind, (planned.get(kind) ?? 0) + 1)
  const faults = [...planned].map(([kind, count]) => `${count} × ${describeFaultKind(kind)}`)
  const rows: [string, string][] = [
    ['servers', `${servers}, ${durability === 'fsync' ? 'each with a disk' : 'in memory'}${clocks(scenario)}`],
    [
      'load',
      `${counted(clients, 'client')} with ${counted(workersPerClient, 'worker')} each on ${counted(keys, 'key')}`,
    ],
    ['', `a pause of ${thinkUs / 1000} ms between two operations, for ${seconds(durationMs)}`],
    ['network', weather(scenario)],
    ...wrapped(faults, columns - 11).map((line, i): [string, string] => [i === 0 ? 'faults' : '', line]),
  ]
  return [
    colors.bold(`${scenario.name}, seed ${seed}`),
    ...(claim === '' ? [] : [colors.dim(claim)]),
    '',
    ...rows.map(([name, text]) => `${name.padEnd(9)}${text}`),
    '',
  ]
}

/** What happened to the servers and their world, in virtual time. */
export function storyLines(story: readonly StoryLine[], colors: Colors): string[] {
  return story.map(({ atUs, who, text }) => {
    const at = grouped(Math.floor(atUs / 1000)).padStart(8)
    return `${colors.dim(`${at}.${String(atUs % 1000).padStart(3, '0')} ms`)}  ${who.padEnd(12)} ${text}`
  })
}

/** What each check compared, the verdict, figures, and how to see it again. */
export function resultLines(result: RunResult, line: RunLine, colors: Colors): string[] {
  const { checks, verdict, stoppedAt } = result
  return [
    '',
    ...table(checks.map((check) => [check.name, check.compared, 'compared'])).map((text, i) =>
      checks[i]?.violations.length === 0
        ? `  ${text}${undecidedText(checks[i])}`
        : colors.red(`  ${text}, ${checks[i]?.violations.length} violations`),
    ),
    ...checks.flatMap(({ name, violations }) => [
      ...violations.slice(0, shownMax).map((violation) => colors.red(`  ${name}: ${violation}`)),
      ...(violations.length > shownMax ? [`  and ${violations.length - shownMax} more of ${name}`] : []),
    ]),
    ...(stoppedAt === undefined
      ? []
      : ['', `stopped at step ${stoppedAt.step}`, ...stoppedAt.servers.map((text) => `  ${text}`)]),
    '',
    colored(verdict, colors)(`${verdictText(result)}`),
    ...(verdict === 'held' ? [] : reasonLines(line)),
    figures(line),
    `end value ${colors.bold(line.endValue)}    ${line.command}`,
  ]
}

function undecidedText(check: CheckResult | undefined): string {
  return check?.undecided === undefined ? '' : `, ${check.undecided} of ${check.searches} searches undecided`
}

/** Why a run did not hold, and where to look. */
export function reasonLines({ reason, violatedAt, command }: RunLine): string[] {
  const where = violatedAt === null ? [] : [`  step ${violatedAt.step}, ${seconds(violatedAt.atMs)} of virtual time`]
  const look = violatedAt === null ? [] : [`  ${command} --stop-at ${violatedAt.step} --trace trace.jsonl`]
  return [...(reason ?? '').split('\n').map((text) => `  ${text}`), ...where, ...look]
}

export function colored(verdict: Verdict, colors: Colors): (text: string) => string {
  return verdict === 'held' ? colors.green : colors.red
}

function verdictText({ verdict, acknowledged, leaderChanges, faults }: RunResult): string {
  const done = `${counted(acknowledged, 'operation')} acknowledged`
  return `${verdict}: ${done}, ${counted(leaderChanges, 'leader')}, ${counted(faults, 'fault')}`
}

function figures({ delivered, wallMs, simulatedMs, steps }: RunLine): string {
  const ms = Math.max(wallMs, 1)
  const rate = grouped(Math.round((delivered * 1000) / ms))
  const speed = grouped(Math.round(simulatedMs / ms))
  const work = `${grouped(delivered)} deliveries in ${grouped(steps)} steps, ${rate} deliveries a second`
  return `${work}; ${seconds(simulatedMs)} simulated in ${seconds(wallMs)}, ${speed} times real time`
}

function clocks({ clockRatesPpm }: Scenario): string {
  const rates = clockRatesPpm.filter((rate) => rate !== 1_000_000)
  return rates.length === 0 ? '' : `, clocks off by ${rates.map((rate) => percent(rate - 1_000_000)).join(', ')}`
}

function weather({ path }: Scenario): string {
  const rates: [string, number][] = [
    ['late', path.tailPerMillion],
    ['lost', path.lossPerMillion],
    ['doubled', path.duplicationPerMillion],
    ['out of order', path.reorderPerMillion],
    ['corrupted', path.corruptionPerMillion],
  ]
  const bad = rates.filter(([, rate]) => rate > 0).map(([name, rate]) => `${percent(rate)} ${name}`)
  const latency = `${(path.latencyMinUs + path.latencyMeanUs) / 1000} ms on average`
  return [latency, ...bad].join(', ')
}
