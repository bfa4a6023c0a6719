import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder with those above it that are missing, and returns the ones it made, outermost first. One level at a
 * time: asked to make all of them, the runtime never returns where the system denies a folder that is above another,
 * as it does under /proc.
 */
export function makeFolder(folder: string): readonly string[] {
  const missing: string[] = []
  for (let path = resolve(folder); statSync(path, { throwIfNoEntry: false }) === undefined; path = dirname(path)) {
    missing.unshift(path)
  }
  const made: string[] = []
  try {
    for (const path of missing) if (makeLevel(path)) made.push(path)
  } catch (error) {
    removeFolders(made)
    throw error
  }
  return made
}

/** Removes folders that `makeFolder` made, as far as nothing is in them. */
export function removeFolders(made: readonly string[]): void {
  try {
    for (const path of [...made].reverse()) rmdirSync(path)
  } catch {
    // Somebody uses one of them: it stays, and so do those above it.
  }
}

/** False when another process made it meanwhile. */
function makeLevel(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return false
    throw error
  }
}
