import { readFileSync } from 'node:fs'
import { limitsTable, outcomesTable } from './tables.ts'

/** A fenced block of a document. */
export interface Block {
  readonly language: string
  readonly text: string
}

export const readmeUrl = new URL('../README.md', import.meta.url)

export function readReadme(): string {
  return readFileSync(readmeUrl, 'utf8')
}

export function blocksOf(document: string): readonly Block[] {
  const blocks = document.matchAll(/^```(\w*)\n([\s\S]*?)\n```$/gm)
  return [...blocks].map(([, language = '', text = '']) => ({ language, text }))
}

/** The commands of a document, without their comments. A line that ends with a backslash goes on in the next. */
export function commandsOf(document: string): readonly string[] {
  return blocksOf(document)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ text }) => text.replaceAll(/\s*\\\n\s*/g, ' ').split('\n'))
    .map((line) => line.replace(/(?:^|\s+)#.*$/, '').trim())
    .filter((line) => line !== '')
}

/** The document with every generated part as the code has it now. */
export function withTables(document: string): string {
  const limits = withPart(document, 'limits', limitsTable())
  return withPart(limits, 'outcomes', outcomesTable())
}

/** The document with another text between `<!-- NAME -->` and `<!-- /NAME -->`. */
export function withPart(document: string, name: string, text: string): string {
  const [begins, ends] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const from = document.indexOf(begins)
  const to = document.indexOf(ends)
  if (from < 0 || to < from) throw new Error(`there is no part ${begins} … ${ends}`)
  return `${document.slice(0, from + begins.length)}\n\n${text}\n\n${document.slice(to)}`
}

export function partOf(document: string, name: string): string {
  const [begins, ends] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  return document.slice(document.indexOf(begins) + begins.length, document.indexOf(ends)).trim()
}
