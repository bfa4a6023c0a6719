import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { namesIn, unknownNames } from './names.ts'
import { blocksOf, commandsOf, partOf, readReadme, withTables } from './readme.ts'
import { keptFiles, rootFolder } from './repository.ts'
import { mustRun } from './run-command.ts'
import { excerptOf, withoutWallTime } from './story.ts'

const readme = readReadme()
const architecture = readFileSync(`${rootFolder}/ARCHITECTURE.md`, 'utf8')
const ci = readFileSync(`${rootFolder}/.ci/run`, 'utf8')
const files = keptFiles()

const headings = [
  'Coterie',
  'See it survive',
  'Use it',
  'What is guaranteed',
  'What is not',
  'How it works',
  'Where things are',
  'Working on it',
  'Limits and outcomes',
]

describe('README.md', () => {
  test('has its chapters in order, and can be read in five minutes', () => {
    expect([...readme.matchAll(/^##? (.+)$/gm)].map(([, heading]) => heading)).toEqual(headings)
    const words = proseOf(readme).split(/\s+/).length
    expect(words).toBeGreaterThan(500)
    expect(words).toBeLessThan(900)
  })

  test('begins with the two commands that show everything', () => {
    expect(commandsOf(readme).slice(0, 2)).toEqual(['npm ci && npm run sim -- --seed 42', 'npm ci && npm test'])
  })

  test('has the limits and outcomes that the code has; if not, run: npm run docs', () => {
    expect(readme).toBe(withTables(readme))
  })

  test('shows what seed 42 prints; if not, run: npm run docs', async () => {
    const output = await mustRun(process.execPath, ['dist/scenarios/main.js', '--seed', '42'], { cwd: rootFolder })
    const [story] = blocksOf(partOf(readme, 'story'))
    expect(withoutWallTime(story?.text ?? '')).toBe(withoutWallTime(excerptOf(output)))
  })

  test('has no command that neither the test of its snippets nor .ci/run runs', () => {
    const elsewhere = commandsOf(readme).filter((command) => !command.startsWith('npx coterie '))
    expect(elsewhere.length).toBeGreaterThan(5)
    expect(elsewhere.filter((command) => !ci.includes(command))).toEqual([])
  })

  test('has snippets of at most twelve lines', () => {
    const snippets = blocksOf(readme).filter(({ language }) => language === 'ts')
    expect(snippets).toHaveLength(3)
    for (const { text } of snippets) expect(text.split('\n').length).toBeLessThanOrEqual(12)
  })

  test('names no check, scenario, refusal, file or command that there is not', () => {
    expect(unknownNames(namesIn(readme), files)).toEqual([])
  })

  test('names only checks that a run of seed 42 made, and only scenarios that there are', () => {
    const rows = readme.split('\n').filter((line) => line.startsWith('| '))
    const from = rows.findIndex((row) => row.includes('checked by'))
    const until = rows.findIndex((row) => row.includes('start reading at'))
    const made = [...partOf(readme, 'story').matchAll(/^ {2}(\S+) +[\d,]+ {2}compared/gm)].map(([, name]) => name)
    const scenarios = files.flatMap(({ path }) => /^scenarios\/(.+)\.ts$/.exec(path)?.[1] ?? [])
    const guarantees = rows.slice(from + 2, until).map((row) => row.split('|').map(namesIn))
    expect(guarantees.length).toBeGreaterThanOrEqual(5)
    for (const [, , checks = [], claims = []] of guarantees) {
      expect(checks.filter((name) => !name.endsWith('.test.ts') && !made.includes(name))).toEqual([])
      expect(claims.filter((name) => !scenarios.includes(name))).toEqual([])
      expect(Math.min(checks.length, claims.length)).toBeGreaterThan(0)
    }
  })
})

describe('ARCHITECTURE.md', () => {
  test('names no file, folder, type, function or message that there is not', () => {
    const folders = [...architecture.matchAll(/^\*\*([a-z/]+)\*\* /gm)].map(([, folder]) => `${folder}/`)
    expect(folders.length).toBeGreaterThan(10)
    expect(unknownNames([...namesIn(architecture), ...folders], files)).toEqual([])
  })
})

describe('the kept files', () => {
  const machinePath = /(?<![\w.~$})-])\/(?:home|root|Users|work|mnt|tmp)\/\w/
  const registryHost = new RegExp(`\\b(?:registry\\.\\w+\\.\\w+|(?:npm${'js'}|yarn${'pkg'})\\.(?:com|org))\\b`)
  const unfinished = new RegExp(`\\b(?:TO${'DO'}|FIX${'ME'}|XX${'X'}|HA${'CK'}|W${'IP'})\\b`)

  test.each([
    ['name no path of one machine', machinePath],
    ['name no host of a package registry', registryHost],
    ['hold no word for unfinished work', unfinished],
  ])('%s', (_, pattern) => {
    expect(files.length).toBeGreaterThan(200)
    expect(files.flatMap((file) => linesWith(file, pattern))).toEqual([])
  })

  test('are searched in earnest', () => {
    const planted = [`see /ho${'me'}/ann/x`, `https://registry.npm${'js'}.org/x`, `// TO${'DO'}: later`].join('\n')
    const found = [machinePath, registryHost, unfinished].flatMap((each) =>
      linesWith({ path: 'a', text: planted }, each).map((line) => line.slice(0, 3)),
    )
    expect(found).toEqual(['a:1', 'a:2', 'a:3'])
    expect(
      unknownNames(['core/nowhere.ts', 'nowhere/', `no${'thing'}LikeThis`, 'sim/run.ts', 'core/lib'], files),
    ).toEqual(['core/nowhere.ts', 'nowhere/', `no${'thing'}LikeThis`])
  })
})

function linesWith({ path, text }: { readonly path: string; readonly text: string }, pattern: RegExp): string[] {
  return text.split('\n').flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1} ${line.slice(0, 120)}`] : []))
}

/** What a person reads: no blocks, no generated tables. */
function proseOf(document: string): string {
  const parts = document.replace(/```[\s\S]*?```/g, '').replace(/<!-- (\w+) -->[\s\S]*?<!-- \/\1 -->/g, '')
  return parts.replace(/[|#-]+/g, ' ').trim()
}
