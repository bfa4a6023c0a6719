// Compiles to dist/. Removes what no source file makes any more, so that a packed tarball never ships stale code.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const dist = join(root, 'dist')

/** Deletes emitted files whose TypeScript source is gone. */
function prune(folder) {
  for (const entry of readdirSync(join(dist, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) prune(path)
    else if (/\.(js|d\.ts)$/.test(path) && !existsSync(join(root, path.replace(/\.(js|d\.ts)$/, '.ts'))))
      rmSync(join(dist, path))
  }
}

if (existsSync(dist)) prune('.')
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], { stdio: 'inherit' })
if (status === 0 && existsSync(join(dist, 'node', 'main.js'))) chmodSync(join(dist, 'node', 'main.js'), 0o755)
process.exit(status ?? 1)
