// Format, lint, types, imports and contract, in both languages, as many at a time as there are cores.
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { capture, python, root, setUp } from './project.mjs'

const node = process.execPath
const bin = (name) => join(root, 'node_modules', '.bin', name)
const cache = (name) => join(root, 'node_modules', '.cache', name)
const pythonFolders = ['python-worker', 'examples', 'bench'].filter((folder) =>
  existsSync(join(root, folder)),
)
const ruff = (...args) => [
  python,
  ['-m', 'ruff', ...args, '--config', 'python-worker/pyproject.toml', ...pythonFolders],
]

// The slowest first.
const checks = {
  'lint: TypeScript': [
    bin('eslint'),
    ['.', '--max-warnings=0', '--cache', `--cache-location=${cache('eslint/')}`],
  ],
  'types: TypeScript': [
    bin('tsc'),
    ['-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', cache('tsc.tsbuildinfo')],
  ],
  'format: TypeScript': [
    bin('prettier'),
    ['--check', '--log-level=warn', '--cache', `--cache-location=${cache('prettier.json')}`, '.'],
  ],
  'imports: TypeScript': [bin('depcruise'), ['src', '--config', '.dependency-cruiser.mjs']],
  'imports: Python': [
    python,
    [
      '-c',
      "import sys; sys.path.insert(0, 'python-worker/src'); import importlinter.cli as c; c.lint_imports_command()",
      '--config',
      'python-worker/pyproject.toml',
      '--cache-dir',
      cache('import-linter'),
    ],
  ],
  'types: Python': [
    python,
    ['-m', 'pyrefly', 'check', '--python-interpreter-path', python, '--min-severity', 'warn'],
  ],
  'contract: stale, breaking or unclean': [node, ['proto/generate.mjs', '--check']],
  'lint: Python': ruff('check'),
  'format: Python': ruff('format', '--check'),
}

setUp()
const queue = Object.entries(checks)
let failed = 0
await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work))
if (failed > 0)
  console.error(
    `${failed} of ${Object.keys(checks).length} checks failed. Formats are mended by: npm run format`,
  )
process.exitCode = failed > 0 ? 1 : 0

async function work() {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [name, [command, args]] = next
    const start = performance.now()
    const { code, output } = await capture(command, args)
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    console.log(`${code === 0 ? '✓' : '✗'} ${name} (${seconds} s)`)
    if (code === 0) continue
    failed += 1
    console.error(output.trimEnd())
  }
}
