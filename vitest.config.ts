import { defineConfig } from 'vitest/config'

/** Whole worlds: they compute for as long as they are given a processor. */
const worlds = ['scenarios/**/*.test.ts', 'sim/mutants/**/*.test.ts']
/** Real processes in real time: nothing else runs beside them. */
const processes = ['node/processes/**/*.test.ts', 'scripts/**/*.test.ts']

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      project('units', 0, ['**/*.test.ts'], [...worlds, ...processes]),
      project('worlds', 1, worlds),
      project('processes', 2, processes, [], false),
    ],
  },
})

/** Tests that run together, after those with a lower `order`. */
function project(
  name: string,
  groupOrder: number,
  include: readonly string[],
  exclude: readonly string[] = [],
  fileParallelism = true,
) {
  return {
    extends: true as const,
    test: {
      name,
      include: [...include],
      exclude: ['node_modules/**', 'dist/**', ...exclude],
      sequence: { groupOrder },
      fileParallelism,
    },
  }
}
