// The wheel of the Python worker, which a release carries in python-worker/dist. Only the one of this version.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { must, root } from './project.mjs'

const STDERR = 2

rmSync(join(root, 'python-worker', 'dist'), { recursive: true, force: true })
must(process.execPath, ['dist/cli/main.js', 'setup', '--wheel'], process.env, STDERR)
