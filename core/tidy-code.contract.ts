/**
 * A source text taken apart: `code` and `comments` have its length and its line breaks, and blanks where the other part
 * stood.
 * In `code` the contents of strings, templates and regular expressions are blank too; their quotes stay.
 */
export interface Parts {
  readonly code: string
  readonly comments: string
}

type Mode = 'code' | 'template'

/** Ends of an expression: a slash behind one divides, a slash behind anything else begins a regular expression. */
const endsExpression = /[\w$)\]}'"`]$/
const endsKeyword = /\b(return|typeof|case|in|of|void|yield|else|do)$/

export function takeApart(text: string): Parts {
  return new Scanner(text).run()
}

/**
 * One pass over a source text.
 * Not here: grammar. It knows just enough to tell code from what merely looks like code.
 */
class Scanner {
  readonly #text: string
  /** What the closing braces ahead return to. */
  readonly #modes: Mode[] = ['code']
  #code = ''
  #comments = ''
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): Parts {
    while (this.#at < this.#text.length) {
      if (this.#modes.at(-1) === 'template') this.#template()
      else this.#token()
    }
    return { code: this.#code, comments: this.#comments }
  }

  #token(): void {
    this.#take('code', this.#match(/[^'"`/{}]*/y))
    const char = this.#text.charAt(this.#at)
    if (this.#text.startsWith('//', this.#at)) this.#take('comment', this.#match(/.*/y))
    else if (this.#text.startsWith('/*', this.#at)) this.#take('comment', this.#match(/\/\*[\s\S]*?(?:\*\/|$)/y))
    else if (char === "'") this.#literal(/(?:[^'\\\n]|\\[\s\S])*/y)
    else if (char === '"') this.#literal(/(?:[^"\\\n]|\\[\s\S])*/y)
    else if (char === '/' && this.#beginsRegExp()) this.#literal(/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])*/y)
    else this.#plain(char)
  }

  #plain(char: string): void {
    this.#take('code', 1)
    if (char === '`') this.#modes.push('template')
    else if (char === '{') this.#modes.push('code')
    else if (char === '}' && this.#modes.length > 1) this.#modes.pop()
  }

  #template(): void {
    this.#take('text', this.#match(/(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y))
    const ends = this.#text.charAt(this.#at) === '`'
    this.#take('code', ends ? 1 : 2)
    if (ends) this.#modes.pop()
    else this.#modes.push('code')
  }

  /** A quote, what is inside, and a quote. */
  #literal(inside: RegExp): void {
    this.#take('code', 1)
    this.#take('text', this.#match(inside))
    this.#take('code', 1)
  }

  #beginsRegExp(): boolean {
    const before = this.#code.slice(-200).trimEnd()
    return !endsExpression.test(before) || endsKeyword.test(before)
  }

  #match(sticky: RegExp): number {
    sticky.lastIndex = this.#at
    return sticky.exec(this.#text)?.[0].length ?? 0
  }

  #take(as: 'code' | 'comment' | 'text', length: number): void {
    const piece = this.#text.slice(this.#at, this.#at + length)
    const blank = piece.replace(/[^\n]/g, ' ')
    this.#code += as === 'code' ? piece : blank
    this.#comments += as === 'comment' ? piece : blank
    this.#at += length
  }
}

export interface FunctionSpan {
  /** The first line, as it is written. */
  readonly head: string
  /** Counted from 1. */
  readonly line: number
  readonly lines: number
  /** Whether it does nothing but hold tests: a `describe`, or a function with one directly inside. */
  readonly isChapter: boolean
}

const notAFunction = /^(?:if|for|while|switch|catch|with|return|await|else|do|try|\})(?![\w$])/
const namedHead = /^(?:(?:export|static|private|override|async|get|set) )*(?:function\b|\*?[#\w$[\].]+(?:<.*>)?\()/

/**
 * The functions of a formatted source that span lines. Relies on the formatter: an opening brace ends its line, and the
 * closing one is indented like the line where the function begins.
 */
export function functionsIn(code: string): FunctionSpan[] {
  const lines = code.split('\n')
  const spans: FunctionSpan[] = []
  lines.forEach((line, i) => {
    if (!line.trimEnd().endsWith('{')) return
    const first = headOf(lines, i)
    const head = (lines[first] ?? '').trim()
    if (!opensFunction(line.trim(), head)) return
    const close = lines.findIndex((later, j) => j > i && indentOf(later) === indentOf(line) && /^\s*\}/.test(later))
    if (close < 0) return
    const isChapter = describes(head) || lines.slice(i + 1, close).some((inner) => describes(inner, indentOf(line) + 2))
    spans.push({ head, line: first + 1, lines: close - first + 1, isChapter })
  })
  return spans
}

function describes(line: string, indent = 0): boolean {
  return indentOf(line) === indent && /^describe\b/.test(line.trimStart())
}

/** Where parameters took several lines, the head is the line that the closing parenthesis is aligned with. */
function headOf(lines: readonly string[], i: number): number {
  const line = lines[i] ?? ''
  if (!line.trimStart().startsWith(')')) return i
  for (let at = i - 1; at >= 0; at--) {
    const above = lines[at] ?? ''
    if (above.trim() !== '' && indentOf(above) === indentOf(line)) return at
  }
  return i
}

function opensFunction(line: string, head: string): boolean {
  if (/=>\s*\{$/.test(line)) return true
  if (notAFunction.test(head) || !namedHead.test(head)) return false
  return line.startsWith(')') || countOf(line, '(') === countOf(line, ')')
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length
}

function countOf(line: string, char: string): number {
  return line.split(char).length - 1
}
