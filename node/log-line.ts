import type pc from 'picocolors'

type Colors = ReturnType<typeof pc.createColors>

const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error' }

/** One line of pino's JSON as a line for people: time of day, level, text, and the stack of an error. */
export function readableLine(json: string, colors: Colors): string {
  const { time, level, msg, err } = fieldsOf(json)
  if (typeof time !== 'number' || typeof level !== 'number') return json
  const name = (levels[level] ?? String(level)).padEnd(5)
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : ''
  return `${colors.dim(timeOfDay(time))} ${level >= 50 ? colors.red(name) : name} ${String(msg ?? '')}${stack}\n`
}

function timeOfDay(ms: number): string {
  return new Date(ms).toISOString().slice(11, 23)
}

function fieldsOf(json: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(json)
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}
