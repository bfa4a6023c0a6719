import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The repository as its files are now, without what it does not keep. */

export const rootFolder = fileURLToPath(new URL('..', import.meta.url))

export interface TextFile {
  readonly path: string
  readonly text: string
}

/** Paths of what is kept, and of what is new and not ignored. */
export function keptPaths(): readonly string[] {
  const listing = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
    cwd: rootFolder,
    encoding: 'utf8',
  })
  return listing.split('\n').filter((path) => path !== '')
}

/** The files with their texts. One that went while we looked is left out. */
export function keptFiles(): readonly TextFile[] {
  return keptPaths().flatMap((path) => {
    try {
      return [{ path, text: readFileSync(`${rootFolder}/${path}`, 'utf8') }]
    } catch {
      return []
    }
  })
}
