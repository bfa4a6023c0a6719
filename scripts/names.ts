import type { TextFile } from './repository.ts'

/** The things that a document names in backticks, and whether there are such things. */

export function namesIn(document: string): readonly string[] {
  const prose = document.replace(/```[\s\S]*?```/g, '')
  const names = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name)
  return [...new Set(names)]
}

/** The names of files, folders, types, functions, messages and commands that the repository does not have. */
export function unknownNames(names: readonly string[], files: readonly TextFile[]): readonly string[] {
  const known = new Known(files)
  return names.filter((name) => !known.has(name))
}

class Known {
  readonly #paths: readonly string[]
  readonly #words: ReadonlySet<string>

  constructor(files: readonly TextFile[]) {
    this.#paths = files.map(({ path }) => `/${path}`)
    const sources = files.filter(({ path }) => /\.(?:ts|json)$/.test(path) && path !== 'package-lock.json')
    this.#words = new Set(sources.flatMap(({ text }) => text.match(/[A-Za-z_][\w-]*/g) ?? []))
  }

  has(name: string): boolean {
    const script = /^npm run (\S+)$/.exec(name)?.[1]
    if (script !== undefined) return this.#words.has(script)
    if (/\.\w+$/.test(name) && /\.(?:ts|md|json)$/.test(name)) return this.#hasFile(name)
    if (/^[\w*./-]+\/[\w*./-]*$/.test(name)) return this.#hasFolder(name.replace(/\/$/, ''))
    return (name.match(/[A-Za-z_][\w-]*/g) ?? []).every((word) => this.#words.has(word))
  }

  #hasFile(name: string): boolean {
    const pattern = new RegExp(`/${patternOf(name)}$`)
    return this.#paths.some((path) => pattern.test(path))
  }

  #hasFolder(name: string): boolean {
    const pattern = new RegExp(`/${patternOf(name)}/`)
    return this.#paths.some((path) => pattern.test(path))
  }
}

function patternOf(name: string): string {
  return name.replaceAll('.', '\\.').replaceAll('*', '[^/]*')
}
