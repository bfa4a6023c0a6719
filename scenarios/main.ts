import { fileURLToPath } from 'node:url'
import { command } from '../sim/command.ts'
import { registry } from './registry.ts'

/** The entry of `npm run sim`. */
process.exitCode = await command({
  registry,
  argv: process.argv.slice(2),
  entry: fileURLToPath(import.meta.url),
  invocation: 'npm run sim --',
})
