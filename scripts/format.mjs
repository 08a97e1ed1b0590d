// Puts every file into the form that `npm run check` asks for.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { must, python, root, setUp } from './project.mjs'

setUp()
const folders = ['python-worker', 'examples', 'bench'].filter((folder) => existsSync(join(root, folder)))
const config = ['--config', 'python-worker/pyproject.toml']
must(join(root, 'node_modules', '.bin', 'prettier'), ['--write', '--log-level=warn', '.'])
must(python, ['-m', 'ruff', 'check', '--select=I', '--fix', ...config, ...folders])
must(python, ['-m', 'ruff', 'format', ...config, ...folders])
