// Breaks features of the project one by one, and reports which the tests notice: `broken-features.mjs [options] [words of a name…]`.
//   --tree COMMIT   the commit to break (default: HEAD)
//   --features FILE the list of that commit (default: broken-features.json)
//   --json FILE     writes the result there
//   --green         the tests of that commit are known to pass: they are not run unbroken as well
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { python, root } from './project.mjs'

const { values: options, positionals: words } = parseArgs({
  options: {
    tree: { type: 'string', default: 'HEAD' },
    features: { type: 'string', default: join(root, 'scripts', 'broken-features.json') },
    json: { type: 'string' },
    green: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const features = JSON.parse(readFileSync(options.features, 'utf8')).filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
)
const copy = mkdtempSync(join(tmpdir(), 'absgd-broken-'))
const results = {}
process.once('SIGINT', () => process.exit(130))
process.once('exit', () => {
  git('worktree', 'remove', '--force', copy)
  rmSync(copy, { recursive: true, force: true })
})

git('worktree', 'add', '--quiet', '--detach', '--force', copy, options.tree)
for (const name of ['node_modules', '.venv']) symlinkSync(join(root, name), join(copy, name))
if (features.some(({ build }) => build)) run(process.execPath, ['scripts/build.mjs'])
for (const feature of features) {
  results[feature.name] = check(feature)
  console.log(`${feature.name}: ${results[feature.name]}`)
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`)
}
const caught = Object.values(results).filter((result) => result === 'caught').length
console.log(`${caught} of ${features.length} caught`)
process.exitCode = caught === features.length ? 0 : 1

/** "caught" or "not caught", or why it is neither. */
function check({ file, find, put, tests, build }) {
  const target = join(copy, file)
  const files = tests.filter((test) => existsSync(join(copy, test)))
  if (!existsSync(target) || files.length === 0) return `not there: ${file}`
  const source = readFileSync(target, 'utf8')
  if (source.split(find).length !== 2)
    return `the text to break occurs ${source.split(find).length - 1} times`
  if (!options.green && runTests(files) !== 0) return 'its tests fail unbroken'
  writeFileSync(
    target,
    source.replace(find, () => put),
  )
  if (build) run(process.execPath, ['scripts/build.mjs'])
  const code = runTests(files)
  writeFileSync(target, source)
  if (build) run(process.execPath, ['scripts/build.mjs'])
  return code === 0 ? 'not caught' : 'caught'
}

/** The first failure is enough. */
function runTests(files) {
  return files[0].endsWith('.py')
    ? run(python, ['-m', 'pytest', '-c', 'python-worker/pyproject.toml', '-q', '-x', ...files])
    : run(join(root, 'node_modules', '.bin', 'vitest'), ['run', '--bail=1', ...files])
}

function run(command, args) {
  const env = { ...process.env, ABSGD_PYTHON: python, OMP_NUM_THREADS: '1' }
  return spawnSync(command, args, { cwd: copy, stdio: 'ignore', env }).status ?? 1
}

function git(...args) {
  const { status, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) console.error(stderr.trimEnd())
}
