import { type RefusalCode, refusals } from '../core/refusal.ts'

/** A refusal of the group, or what this process found wrong by itself. */
export type ErrorCode = RefusalCode | 'NOT_SHAREABLE' | 'UNREADABLE' | 'BAD_CONFIG' | 'CANNOT_START' | 'FAILED'

/**
 * What every error of this library is. `executed` says whether a request had an effect: `no` only when that is certain,
 * else `unknown`.
 */
export class CoterieError extends Error {
  override readonly name: string = 'CoterieError'
  readonly code: ErrorCode
  readonly executed: 'no' | 'unknown'

  constructor(code: ErrorCode, text: string, executed: 'no' | 'unknown' = 'no', options?: ErrorOptions) {
    super(text, options)
    this.code = code
    this.executed = executed
  }
}

/** The error that a refusal becomes at the edge. `about` names what was refused, for people. */
export function refusalError(code: RefusalCode, executed: 'no' | 'unknown', about: string): CoterieError {
  return new CoterieError(code, `${about}: ${refusals[code].text} (${code})`, executed)
}

/** How many fields the text of an error names; the rest is counted. */
const fieldsShown = 20

/** A field that can't be shared: where it is, and why. */
export interface UnshareableField {
  readonly path: string
  readonly reason: string
}

/** Names every field of a value that can't be shared, at once; nothing was shared. */
export class NotShareableError extends CoterieError {
  override readonly name = 'NotShareableError'
  readonly fields: readonly UnshareableField[]

  constructor(fields: readonly UnshareableField[]) {
    super('NOT_SHAREABLE', `this can't be shared:${listed(fields.map(({ path, reason }) => `${path} is ${reason}`))}`)
    this.fields = fields
  }

  /** The paths of the fields, in the order in which they were met. */
  get paths(): readonly string[] {
    return this.fields.map((field) => field.path)
  }
}

/** Names everything that is wrong with options, a file or a command line, at once. */
export class ConfigError extends CoterieError {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super('BAD_CONFIG', problemsText(problems))
    this.problems = problems
  }
}

/** One problem as it is, or all of them in a list. */
export function problemsText(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : `${problems.length} problems:${listed(problems)}`
}

function listed(lines: readonly string[]): string {
  const shown = lines.slice(0, fieldsShown).map((line) => `\n  - ${line}`)
  const more = lines.length - shown.length
  return shown.join('') + (more > 0 ? `\n  - and ${more} more` : '')
}

/** What a thrown value says, whatever it is. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
