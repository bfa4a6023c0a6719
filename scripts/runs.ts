import { readFileSync } from 'node:fs'

/** What `npm run sim -- --json` says of a run, as far as it matters here. */
export interface RunLine {
  readonly seed: string
  readonly verdict: string
  readonly endValue: string
  readonly command: string
}

/** The runs in a file of lines; other lines stand in front of them. */
export function readRuns(path: string): { readonly before: readonly string[]; readonly runs: readonly RunLine[] } {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  const runs = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as RunLine)
  return { before: lines.filter((line) => !line.startsWith('{')), runs }
}
