import { fileURLToPath } from 'node:url'
import { mutants } from '../sim/mutants/catalogue.ts'
import { mutantsCommand } from '../sim/mutants/command.ts'
import { everythingAtOnce } from './everything-at-once.ts'
import { draw } from './registry.ts'

/** The entry of `npm run mutants`, and of the processes that it starts from changed sources. */
process.exitCode = await mutantsCommand({
  mutants,
  draw,
  scenario: everythingAtOnce.name,
  argv: process.argv.slice(2),
  // Compiled, this is dist/scenarios/mutants.js.
  root: fileURLToPath(new URL('../..', import.meta.url)),
  entry: 'scenarios/mutants',
  invocation: 'npm run mutants --',
})
