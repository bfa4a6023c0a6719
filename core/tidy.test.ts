import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type Complaint, complaintsAbout, type Exception, type SourceFile } from './tidy.contract.ts'

/** May only shrink. */
const exceptions: readonly Exception[] = []

const root = new URL('../', import.meta.url)

function sources(): SourceFile[] {
  return readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !/^(?:node_modules|dist|\..*)$/.test(name))
    .flatMap((entry) => (entry.isDirectory() ? filesIn(entry.name) : [entry.name]))
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => ({ path, text: readFileSync(new URL(path, root), 'utf8') }))
}

function filesIn(folder: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`)
}

describe('the repository', () => {
  const complaints = complaintsAbout(sources(), exceptions)
  const of = (...rules: string[]) => complaints.filter(({ rule }) => rules.includes(rule)).map(render)
  const shape = ['columns', 'file length', 'function length']

  test('imports in one direction, and core uses nothing that differs from one machine or run to another', () => {
    expect(complaints.filter(({ rule }) => !shape.includes(rule)).map(render)).toEqual([])
  })

  test('has no line, file or function that is too long', () => {
    expect(of(...shape)).toEqual([])
  })
})

describe('the tidy rules', () => {
  test('let each folder of core import what stands left of it', () => {
    expect(about('core/consensus/a.ts', "import { b } from '../wire/b.ts'\nimport { c } from './c.ts'")).toEqual([])
    expect(about('core/server/a.ts', "import type { X } from '../../core/machine.ts'")).toEqual([])
    expect(about('core/wire/a.ts', "import type { B } from '../consensus/b.ts'")).toEqual([
      'core/wire/a.ts:1 imports core/consensus/b.ts: core/wire may import only what stands left of it',
    ])
  })

  test('keep neighbours of one rank apart', () => {
    expect(about('core/storage/a.ts', "\nexport { b } from '../consensus/b.ts'")).toEqual([
      'core/storage/a.ts:2 imports core/consensus/b.ts: core/storage may import only what stands left of it',
    ])
    expect(about('core/client/a.ts', "const b = import('../server/b.ts')")).toHaveLength(1)
    expect(about('core/session/a.ts', "import '../channel/b.ts'")).toHaveLength(1)
    expect(about('core/state/a.ts', "import { b } from '../elsewhere/b.ts'")).toEqual([
      'core/state/a.ts:1 imports core/elsewhere/b.ts: core has no such folder in its order',
    ])
  })

  test('keep the real world and the simulated one apart', () => {
    expect(about('sim/a.ts', "import { b } from '../transports/b.ts'")).toEqual([
      'sim/a.ts:1 imports transports/b.ts: sim may import itself, core alone',
    ])
    expect(about('transports/tcp/a.ts', "import { b } from '../../sim/b.ts'")).toHaveLength(1)
    expect(about('core/lib/a.test.ts', "import { b } from '../../sim/b.ts'")).toHaveLength(1)
    expect(about('node/a.ts', "import { b } from '../sim/b.ts'")).toHaveLength(1)
    expect(about('scenarios/a.ts', "import { b } from '../node/b.ts'")).toHaveLength(1)
    expect(about('http/a.ts', "import { b } from '../node/b.ts'")).toEqual([])
    expect(about('bench/a.ts', "import { b } from '../sim/b.ts'")).toEqual([])
    expect(about('bench/a.ts', "import { b } from '../scenarios/b.ts'")).toHaveLength(1)
    expect(about('sim/a.ts', "import { b } from '../bench/b.ts'")).toHaveLength(1)
    expect(about('misc/a.ts', '')).toEqual(['misc/a.ts:1 stands in a folder that the layout does not have'])
  })

  test('let nobody import a test, and only tests import a contract', () => {
    expect(about('sim/a.test.ts', "import { b } from './b.test.ts'")).toEqual([
      'sim/a.test.ts:1 imports sim/b.test.ts: nobody imports a test; move what is shared to a .contract.ts',
    ])
    expect(about('sim/a.test.ts', "import { b } from '../core/b.contract.ts'")).toEqual([])
    expect(about('sim/a.ts', "import { b } from '../core/b.contract.ts'")).toEqual([
      'sim/a.ts:1 imports core/b.contract.ts: only tests import a contract',
    ])
  })

  test('keep packages out of core, and seedrandom and benny where they belong', () => {
    expect(about('core/lib/a.ts', "import { z } from 'zod'")).toEqual([
      'core/lib/a.ts:1 imports zod: core imports no package; pass in what it needs',
    ])
    expect(about('core/lib/a.ts', "import { readFileSync } from 'node:fs'")).toHaveLength(1)
    expect(about('core/lib/a.test.ts', "import fc from 'fast-check'\nimport 'node:fs'\nimport 'vitest'")).toEqual([])
    expect(about('sim/prng.ts', "import seedrandom from 'seedrandom'")).toEqual([])
    expect(about('sim/world.ts', "import seedrandom from 'seedrandom'")).toEqual([
      'sim/world.ts:1 imports seedrandom: draw from a stream of sim/prng.ts, so that every draw follows from the seed',
    ])
    expect(about('sim/a.ts', "import { suite } from 'benny'")).toEqual(['sim/a.ts:1 imports benny: measure in bench/'])
    expect(about('bench/codec.ts', "import { suite } from 'benny'")).toEqual([])
  })

  test.each([
    ['new Date(0)', "'Date' is banned from core: take `now` as an argument"],
    ['Math.random()', "'Math.random' is banned from core: draw from the Prng that was passed in"],
    ['Math.log2(8)', "'Math.log2' is banned from core: use integers: engines round these differently"],
    ['const f = async () => 1', "'async' is banned from core: return effects, and take what comes of them as an input"],
    ['await f', "'await' is banned from core: return effects, and take what comes of them as an input"],
    ['Promise.all([])', "'Promise' is banned from core: return effects; promises belong to node/"],
    ['new WeakRef(x)', "'WeakRef' is banned from core: say in an input when something ends"],
    ['new FinalizationRegistry(f)', "'FinalizationRegistry' is banned from core: say in an input when something ends"],
    ['Intl.Collator', "'Intl' is banned from core: compare by code unit with < and >"],
    ['a.localeCompare(b)', "'localeCompare' is banned from core: compare by code unit with < and >"],
    ['a.toLocaleString()', "'toLocaleString' is banned from core: format without a locale"],
    ['console.log(a)', "'console.' is banned from core: emit an event effect"],
    ['process.pid', "'process.' is banned from core: pass it in as an option"],
    ['Buffer.from(a)', "'Buffer' is banned from core: use Uint8Array and core/lib/bytes.ts"],
    ['new TextEncoder()', "'TextEncoder' is banned from core: use core/lib/utf8.ts"],
    ['setTimeout(f, 1)', "'setTimeout' is banned from core: answer it from nextDeadline()"],
  ])('ban %s from core and name what to use instead', (code, text) => {
    expect(about('core/state/a.ts', `\n${code}\n`)).toEqual([`core/state/a.ts:2 ${text}`])
    expect(about('core/state/a.test.ts', code)).toEqual([])
    expect(about('node/a.ts', code)).toEqual([])
  })

  test('see through comments, strings, templates and regular expressions', () => {
    const hole = '$'
    const innocent = [
      '// await a Promise',
      '/* Date: the day',
      ' * Math.random */',
      'const a = \'setTimeout\' + "console.log"',
      `const b = \`Buffer ${hole}{1 + 2} Intl $1 \\\`\``,
      "const c = /Date['\"`/]/.test('') || 1 / 2 / 3",
      'const Dated = { processor: 1, Math: Math.sqrt(4) }',
    ]
    expect(about('core/state/a.ts', innocent.join('\n'))).toEqual([])
    const guilty = [
      `const a = \`${hole}{\`${hole}{Date}\`}\``,
      "const c = /'/.test('') // '",
      'const d = await f',
      "const e = 'it\\'s' + Date",
    ]
    expect(about('core/state/a.ts', guilty.join('\n'))).toEqual([
      "core/state/a.ts:1 'Date' is banned from core: take `now` as an argument",
      "core/state/a.ts:4 'Date' is banned from core: take `now` as an argument",
      "core/state/a.ts:3 'await' is banned from core: return effects, and take what comes of them as an input",
    ])
  })

  test('limit lines, files and functions', () => {
    const wide = 'x'.repeat(121)
    expect(about('node/a.ts', `const a = 1\n// ${wide}\n`)).toEqual(['node/a.ts:2 124 columns, of at most 120'])
    expect(about('node/a.ts', '\n'.repeat(400))).toEqual([])
    expect(about('node/a.ts', '\n'.repeat(401))).toEqual([
      'node/a.ts:401 401 lines, of at most 400: split the file by what its parts are',
    ])
    expect(about('node/a.ts', longFunction('export function a(b: string): void {', 58))).toEqual([])
  })

  test.each([
    'export function a(b: string): void {',
    'const a = (b: string): void => {',
    'test(name, () => {',
    '  #a<T>(b: T): { readonly c: T } {',
    '  static async a() {',
    '  get a(): number {',
    '  *[Symbol.iterator]() {',
    'function a(\n  b: string,\n): void {',
  ])('find the length of %j', (head) => {
    const extra = head.split('\n').length - 1
    expect(about('node/a.ts', `\n${longFunction(head, 59)}`)).toEqual([
      `node/a.ts:2 a function of ${61 + extra} lines, of at most 60: name its parts`,
    ])
  })

  test.each([
    "describe('a', () => {",
    'class A {',
    'const a = {',
    'if (a(b)) {',
    'call({',
    "export function suite() {\n  const a = 1\n  describe('b', () => {",
    'for (\n  ;\n  ;\n) {',
  ])('take %j for no function', (head) => {
    expect(about('node/a.ts', longFunction(head, 59))).toEqual([])
  })

  test('refuse default exports and unfinished work', () => {
    expect(about('http/a.ts', 'export default 1\nexport { a as default }')).toEqual([
      'http/a.ts:1 a default export: export it by its name',
      'http/a.ts:2 a default export: export it by its name',
    ])
    expect(about('vitest.config.ts', 'export default 1')).toEqual([])
    const word = `TO${'DO'}`
    expect(about('http/a.ts', `const ${word} = '${word}'\n// ${word}: later`)).toEqual([
      `http/a.ts:2 '${word}': finish it, or say what is absent and why`,
    ])
  })

  test('honour an exception, and refuse one that nothing needs', () => {
    const file = { path: 'core/share/dates.ts', text: 'new Date(0)\nnew Date(1)' }
    expect(complaintsAbout([file], [{ path: file.path, rule: 'Date' }])).toEqual([])
    const needless = [
      { path: file.path, rule: 'Date' },
      { path: 'core/share/gone.ts', rule: 'Date' },
    ]
    expect(complaintsAbout([file], needless).map(render)).toEqual([
      "core/share/gone.ts:0 does not need its exception from 'Date'; remove it",
    ])
  })
})

function about(path: string, text: string): string[] {
  return complaintsAbout([{ path, text }]).map(render)
}

function render({ path, line, text }: Complaint): string {
  return `${path}:${line} ${text}`
}

/** A function with this head and so many lines inside. */
function longFunction(head: string, inside: number): string {
  const indent = head.slice(0, head.length - head.trimStart().length)
  return `${head}\n${`${indent}  a()\n`.repeat(inside)}${indent}}\n`
}
