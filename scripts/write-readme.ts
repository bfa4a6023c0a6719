import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { partOf, readmeUrl, readReadme, withPart, withTables } from './readme.ts'
import { mustRun } from './run-command.ts'
import { excerptOf, withoutWallTime } from './story.ts'

/**
 * `npm run docs`: brings the generated parts of README.md up to date. The story stays when only its wall times differ.
 */

const entry = fileURLToPath(new URL('../dist/scenarios/main.js', import.meta.url))
const story = ['```', excerptOf(await mustRun(process.execPath, [entry, '--seed', '42'])), '```'].join('\n')
const before = readReadme()
const isTheSame = withoutWallTime(story) === withoutWallTime(partOf(before, 'story'))
writeFileSync(readmeUrl, withTables(isTheSame ? before : withPart(before, 'story', story)))
