// Trains the demo: everything it needs is set up first.
import { createJiti } from 'jiti'
import { join } from 'node:path'
import { environment, must, python, root } from './project.mjs'

must(process.execPath, ['scripts/build.mjs'])
// An environment that happens to be active must not decide what trains.
const { ABSGD_PYTHON: _own, ...env } = environment()
must(process.execPath, ['dist/cli/main.js', 'setup', '--demo'], env)
process.chdir(root)
process.env.ABSGD_PYTHON = python
const absgd = await import('../dist/index.js')
await createJiti(import.meta.url, { fsCache: false, virtualModules: { absgd } }).import(
  join(root, 'examples', 'noisy-digits', 'demo.ts'),
)
