import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const lockFile = 'lock'

export interface FolderLock {
  release(): void
}

/**
 * Takes the folder for this process: a file `lock` that names the process and when it started, so that the lock of one
 * that was killed is known as stale even after its number was given to another.
 * Not here: processes of other machines or containers that share the folder; their numbers mean nothing to us.
 */
export function lockFolder(folder: string): FolderLock | { readonly heldBy: number } {
  const path = join(folder, lockFile)
  const mine = join(folder, `${lockFile}.${process.pid}`)
  const text = describe(process.pid)
  writeFileSync(mine, text, { mode: 0o600 })
  try {
    while (!linked(mine, path)) {
      const found = read(path)
      const pid = found === undefined ? undefined : holderOf(found)
      if (pid !== undefined) return { heldBy: pid }
      if (found !== undefined) removeStale(path, found)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  return {
    release: () => {
      if (read(path) === text) rmSync(path, { force: true })
    },
  }
}

/** Makes the lock with its content in one step; false when there is one already. */
function linked(mine: string, path: string): boolean {
  try {
    linkSync(mine, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/**
 * Two processes may find the same stale lock. 1. Both read it. 2. One moves it away and makes its own. 3. The other
 * moves that one away; therefore whoever moved a lock looks at what it got, and puts a living one back.
 */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  if (read(aside) !== stale) linked(aside, path)
  rmSync(aside, { force: true })
}

/** The process that holds the lock, `undefined` when it is gone or another has its number now. */
function holderOf(text: string): number | undefined {
  const pid = Number.parseInt(text, 10)
  if (!Number.isSafeInteger(pid) || pid < 1 || !isAlive(pid)) return undefined
  return text === describe(pid) ? pid : undefined
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}

/** The process number and, where the system tells it, the time of its start in ticks since the machine's. */
function describe(pid: number): string {
  const stat = read(`/proc/${pid}/stat`)
  const fields = stat === undefined ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return `${pid} ${fields[19] ?? 'unknown'}\n`
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
