import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { rootFolder } from './repository.ts'

interface Locked {
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly hasInstallScript?: boolean
}

const lock = JSON.parse(readFileSync(`${rootFolder}/package-lock.json`, 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>
}

test('package-lock.json holds the optional dependencies for every platform, else npm ci refuses it', () => {
  const wanted = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).map((name) => ({ path, name })),
  )
  expect(wanted.length).toBeGreaterThan(0)
  expect(wanted.filter(({ path, name }) => !isLocked(path, name))).toEqual([])
})

test('nothing of ours runs when it is installed', () => {
  const { scripts } = JSON.parse(readFileSync(`${rootFolder}/package.json`, 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  expect(Object.keys(scripts).filter((name) => /^(?:pre|post)?install$|^prepare$/.test(name))).toEqual([])
})

/** Whether a package finds a dependency in a folder of its own or further up. */
function isLocked(path: string, name: string): boolean {
  const parents = path
    .split('/node_modules/')
    .map((_, at, parts) => `${parts.slice(0, at + 1).join('/node_modules/')}/`)
  return ['', ...parents].some((parent) => `${parent}node_modules/${name}` in lock.packages)
}
