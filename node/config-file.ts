import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { ConfigError, textOf } from './errors.ts'

/** The options in a YAML or JSON file: an object. Throws `ConfigError`. */
export function readConfigFile(path: string): Readonly<Record<string, unknown>> {
  const content = parsed(path)
  if (content === null || content === undefined) return {}
  if (typeof content === 'object' && !Array.isArray(content)) return content as Readonly<Record<string, unknown>>
  throw new ConfigError([`--config: ${path} does not hold an object of options`])
}

function parsed(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (error) {
    const [first] = textOf(error).split('\n')
    throw new ConfigError([`--config: can't read ${path}: ${first}`])
  }
}
