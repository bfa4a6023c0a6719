import { functionsIn, takeApart } from './tidy-code.contract.ts'

/** A source file as the rules see it; `path` is relative to the repository, with slashes. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** One rule that one file may break. Nothing may be added; what is not needed any more must go. */
export interface Exception {
  readonly path: string
  readonly rule: string
}

export interface Complaint {
  readonly path: string
  readonly line: number
  readonly rule: string
  readonly text: string
}

interface Import {
  readonly line: number
  readonly specifier: string
}

interface Ban {
  readonly rule: string
  readonly pattern: RegExp
  readonly instead: string
}

export const columnsMax = 120
export const fileLinesMax = 400
export const functionLinesMax = 60

/** What each folder may import besides itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  transports: ['core'],
  node: ['core', 'transports'],
  http: ['core', 'transports', 'node'],
  examples: ['core', 'transports', 'node', 'http'],
  sim: ['core'],
  scenarios: ['core', 'sim'],
  bench: ['core', 'transports', 'node', 'http', 'examples', 'sim'],
  scripts: ['core'],
}

/**
 * The folders of core from left to right; those of one rank don't know one another. Files at the root of core stand
 * left of all.
 */
const ranks: Readonly<Record<string, number>> = {
  '': 0,
  lib: 1,
  wire: 2,
  consensus: 3,
  storage: 3,
  state: 4,
  server: 5,
  client: 5,
  share: 6,
  session: 7,
  channel: 7,
}

/** Packages that only one place may use. */
const wards: Readonly<Record<string, { readonly place: string; readonly why: string }>> = {
  seedrandom: {
    place: 'sim/prng.ts',
    why: 'draw from a stream of sim/prng.ts, so that every draw follows from the seed',
  },
  benny: { place: 'bench/', why: 'measure in bench/' },
}

const transcendental =
  'sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|exp|expm1|log|log2|log10|log1p|pow|cbrt|hypot'

/**
 * What the language offers and core must not use: it would act differently on another machine, or on the same one
 * twice.
 */
const bans: readonly Ban[] = [
  { rule: 'Date', pattern: /\bDate\b/g, instead: 'take `now` as an argument' },
  { rule: 'Math.random', pattern: /\bMath\.random\b/g, instead: 'draw from the Prng that was passed in' },
  {
    rule: 'transcendental Math',
    pattern: new RegExp(`\\bMath\\.(?:${transcendental})\\b`, 'g'),
    instead: 'use integers: engines round these differently',
  },
  { rule: 'async', pattern: /\basync\b/g, instead: 'return effects, and take what comes of them as an input' },
  { rule: 'await', pattern: /\bawait\b/g, instead: 'return effects, and take what comes of them as an input' },
  { rule: 'Promise', pattern: /\bPromise\b/g, instead: 'return effects; promises belong to node/' },
  { rule: 'WeakRef', pattern: /\bWeakRef\b/g, instead: 'say in an input when something ends' },
  {
    rule: 'FinalizationRegistry',
    pattern: /\bFinalizationRegistry\b/g,
    instead: 'say in an input when something ends',
  },
  { rule: 'Intl', pattern: /\bIntl\b/g, instead: 'compare by code unit with < and >' },
  { rule: 'localeCompare', pattern: /\blocaleCompare\b/g, instead: 'compare by code unit with < and >' },
  { rule: 'toLocale', pattern: /\btoLocale\w+/g, instead: 'format without a locale' },
  { rule: 'console', pattern: /\bconsole\s*\./g, instead: 'emit an event effect' },
  { rule: 'process', pattern: /(?<![.#\w])process\s*\./g, instead: 'pass it in as an option' },
  { rule: 'Buffer', pattern: /\bBuffer\b/g, instead: 'use Uint8Array and core/lib/bytes.ts' },
  { rule: 'text codecs', pattern: /\bText(?:En|De)coder\b/g, instead: 'use core/lib/utf8.ts' },
  {
    rule: 'timers',
    pattern: /\b(?:setTimeout|setInterval|setImmediate|clearTimeout|clearInterval|queueMicrotask)\b/g,
    instead: 'answer it from nextDeadline()',
  },
]

/**
 * Everything that the files break, without what the exceptions allow; an exception that allows nothing is a complaint
 * of its own.
 */
export function complaintsAbout(files: readonly SourceFile[], exceptions: readonly Exception[] = []): Complaint[] {
  const used = new Set<Exception>()
  const complaints = files.flatMap(complaintsAboutFile).filter((complaint) => {
    const exception = exceptions.find(({ path, rule }) => path === complaint.path && rule === complaint.rule)
    if (exception !== undefined) used.add(exception)
    return exception === undefined
  })
  for (const exception of exceptions) {
    if (used.has(exception)) continue
    const { path, rule } = exception
    complaints.push({ path, line: 0, rule: 'exception', text: `does not need its exception from '${rule}'; remove it` })
  }
  return complaints
}

/** Whether a file is compiled with the tests: what only tests import counts as one. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.endsWith('.contract.ts')
}

function complaintsAboutFile(file: SourceFile): Complaint[] {
  const { code, comments } = takeApart(file.text)
  const found: Complaint[] = []
  const complain = (line: number, rule: string, text: string) => found.push({ path: file.path, line, rule, text })
  checkShape(file, complain)
  checkFunctions(code, complain)
  checkWords(code, comments, file.path, complain)
  for (const { line, specifier } of importsIn(code, file.text)) {
    const wrong = specifier.startsWith('.') ? wrongFile(file.path, specifier) : wrongPackage(file.path, specifier)
    if (wrong !== undefined) complain(line, 'import', wrong)
  }
  if (file.path.startsWith('core/') && !isTest(file.path)) {
    for (const { rule, pattern, instead } of bans)
      for (const match of code.matchAll(pattern))
        complain(lineAt(code, match.index), rule, `'${match[0].trim()}' is banned from core: ${instead}`)
  }
  return found
}

type Complain = (line: number, rule: string, text: string) => void

function checkShape(file: SourceFile, complain: Complain): void {
  const lines = file.text.split('\n')
  if (!file.path.includes('/')) return
  if (layers[topOf(file.path)] === undefined) complain(1, 'folder', 'stands in a folder that the layout does not have')
  lines.forEach((line, i) => {
    if (line.length > columnsMax) complain(i + 1, 'columns', `${line.length} columns, of at most ${columnsMax}`)
  })
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  if (count > fileLinesMax)
    complain(
      fileLinesMax + 1,
      'file length',
      `${count} lines, of at most ${fileLinesMax}: split the file by what its parts are`,
    )
}

function checkFunctions(code: string, complain: Complain): void {
  for (const { line, lines, isChapter } of functionsIn(code)) {
    if (lines <= functionLinesMax || isChapter) continue
    complain(line, 'function length', `a function of ${lines} lines, of at most ${functionLinesMax}: name its parts`)
  }
}

function checkWords(code: string, comments: string, path: string, complain: Complain): void {
  for (const match of comments.matchAll(/\b(?:TO[D]O|FIX[M]E|XX[X])\b/g))
    complain(lineAt(comments, match.index), 'unfinished', `'${match[0]}': finish it, or say what is absent and why`)
  if (path.endsWith('.config.ts')) return
  for (const match of code.matchAll(/\bexport\s+default\b|\bas\s+default\b/g))
    complain(lineAt(code, match.index), 'default export', 'a default export: export it by its name')
}

function wrongFile(path: string, specifier: string): string | undefined {
  const target = resolve(path, specifier)
  if (target.endsWith('.test.ts'))
    return `imports ${target}: nobody imports a test; move what is shared to a .contract.ts`
  if (isTest(target) && !isTest(path)) return `imports ${target}: only tests import a contract`
  const from = topOf(path)
  const to = topOf(target)
  if (from !== to) {
    if (layers[from] === undefined || layers[from].includes(to)) return undefined
    return `imports ${target}: ${from} may import ${['itself', ...layers[from]].join(', ')} alone`
  }
  return from === 'core' ? wrongCoreFolder(path, target) : undefined
}

function wrongCoreFolder(path: string, target: string): string | undefined {
  const from = coreFolderOf(path)
  const to = coreFolderOf(target)
  const [here, there] = [ranks[from], ranks[to]]
  if (here === undefined || there === undefined) return `imports ${target}: core has no such folder in its order`
  if (from === to || there < here) return undefined
  return `imports ${target}: core/${from} may import only what stands left of it`
}

function wrongPackage(path: string, specifier: string): string | undefined {
  const ward = wards[specifier]
  if (ward !== undefined && !path.startsWith(ward.place)) return `imports ${specifier}: ${ward.why}`
  if (topOf(path) !== 'core') return undefined
  if (isTest(path) && (['vitest', 'fast-check'].includes(specifier) || specifier.startsWith('node:'))) return undefined
  return `imports ${specifier}: core imports no package; pass in what it needs`
}

/** Static, dynamic and type imports, and re-exports. */
function importsIn(code: string, text: string): Import[] {
  const imports: Import[] = []
  for (const match of code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])( *)\1/g)) {
    const start = match.index + match[0].length - 1 - (match[2] ?? '').length
    imports.push({ line: lineAt(code, start), specifier: text.slice(start, start + (match[2] ?? '').length) })
  }
  return imports
}

function resolve(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

function topOf(path: string): string {
  return path.slice(0, path.indexOf('/'))
}

function coreFolderOf(path: string): string {
  const parts = path.split('/')
  return parts.length > 2 ? (parts[1] ?? '') : ''
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}
