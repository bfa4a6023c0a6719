import type { HuntReport } from './runner.ts'

/** What is said of one mutant, in a line of JSON. */
export interface ReportLine {
  readonly mutant: string
  readonly row: number | undefined
  readonly file: string
  readonly caught: boolean
  readonly seeds: number
  readonly scenario: string | undefined
  /** The check that comes first of those that found it. */
  readonly check: string | undefined
  readonly checks: readonly string[]
  readonly reason: string | undefined
  readonly spoilt: number
  readonly wallMs: number
}

const columns = ['mutant', 'row', 'seeds', 'caught by', 'in', 'seconds'] as const
const numeric: ReadonlySet<string> = new Set(['row', 'seeds', 'seconds'])

export function lineOf({ mutant, caught, seeds, spoilt, wallMs }: HuntReport): ReportLine {
  return {
    mutant: mutant.name,
    row: mutant.row,
    file: mutant.file,
    caught: caught !== undefined,
    seeds,
    scenario: caught?.scenario,
    check: caught?.found[0],
    checks: caught?.found ?? [],
    reason: caught?.reason?.split('\n')[0],
    spoilt,
    wallMs: Math.round(wallMs),
  }
}

/** The reports as a table for people: a line each, columns aligned, numbers to the right. */
export function tableOf(reports: readonly HuntReport[]): string {
  const rows = [columns, ...reports.map(cellsOf)]
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lineFor = (row: readonly string[]) =>
    row.map((cell, i) => pad(cell, widths[i] ?? 0, columns[i] ?? '')).join('  ')
  return rows.map((row) => lineFor(row).trimEnd()).join('\n')
}

function cellsOf(report: HuntReport): readonly string[] {
  const { mutant, row, seeds, check, scenario, wallMs } = lineOf(report)
  return [mutant, `${row ?? '-'}`, `${seeds}`, check ?? 'SURVIVED', scenario ?? '-', (wallMs / 1000).toFixed(1)]
}

function pad(cell: string, width: number, column: string): string {
  return numeric.has(column) ? cell.padStart(width) : cell.padEnd(width)
}
