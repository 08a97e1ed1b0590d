// Compiles src/ into dist/. Quick when nothing has changed. With --clean: from scratch.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { root } from './project.mjs'

process.chdir(root)
if (process.argv.includes('--clean')) rmSync('dist', { recursive: true, force: true })

const compiler = typescript()
if (compiler === undefined) {
  console.error('absgd is not built: TypeScript is not installed (npm ci --include=dev, then npm run build)')
  // An installation without development dependencies is complete all the same: what it lacks has been said.
  if (process.env['npm_lifecycle_event'] !== 'prepare') process.exit(1)
} else {
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}

/** Undefined after an installation without development dependencies. */
function typescript() {
  try {
    return createRequire(import.meta.url).resolve('typescript/bin/tsc')
  } catch {
    return undefined
  }
}
