// Measures: `bench.mjs [--list] [--quick] [--markdown] [--strict] [NAME…]`. Everything it needs is set up first.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { environment, root, setUp } from './project.mjs'

const args = process.argv.slice(2)
if (!args.some((arg) => ['--help', '-h', '--list'].includes(arg))) setUp()
// One thread of torch, so that the controller has the other core.
const env = { ...environment(), OMP_NUM_THREADS: '1' }
const { status } = spawnSync(
  process.execPath,
  ['--import', './scripts/typescript.mjs', join('bench', 'main.ts'), ...args],
  { cwd: root, stdio: 'inherit', env },
)
process.exitCode = status ?? 1
