// Every test of both languages, or those of one: `test.mjs ts [args]`, `test.mjs py [args]`. Closes with the totals.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { environment, python, root, setUp } from './project.mjs'

const suites = { ts: vitest, py: pytest }
const [only, ...args] = process.argv.slice(2)
if (only !== undefined && !(only in suites)) {
  console.error('usage: test.mjs [ts|py [arguments of vitest or pytest]]')
  process.exit(2)
}

setUp()
const reports = mkdtempSync(join(tmpdir(), 'absgd-tests-'))
const results = Object.keys(suites)
  .filter((suite) => only === undefined || suite === only)
  .map((suite) => suites[suite](args))
rmSync(reports, { recursive: true })

const total = (key) => results.reduce((sum, result) => sum + result[key], 0)
const skipped = total('skipped') > 0 ? `, ${total('skipped')} skipped` : ''
console.log(`\n${total('passed')} passed, ${total('failed')} failed${skipped}`)
process.exitCode = results.some(({ code }) => code !== 0) ? 1 : 0

function vitest(parameters) {
  const report = join(reports, 'vitest.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = run(join(root, 'node_modules', '.bin', 'vitest'), ['run', ...reporters, ...parameters])
  if (!existsSync(report)) return nothing(code)
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'))
  return result(code, numPassedTests, numFailedTests, numPendingTests)
}

function pytest(parameters) {
  const report = join(reports, 'pytest.xml')
  // pytest finds python-worker/pyproject.toml by itself.
  const folder = parameters.some((parameter) => !parameter.startsWith('-')) ? [] : ['python-worker/tests']
  const config = [
    '-c',
    'python-worker/pyproject.toml',
    '-q',
    '-n',
    '2',
    '--dist',
    'loadgroup',
    `--junitxml=${report}`,
  ]
  const code = run(python, ['-m', 'pytest', ...config, ...folder, ...parameters])
  if (!existsSync(report)) return nothing(code)
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(readFileSync(report, 'utf8'))?.[1] ?? 0)
  const [failed, skipped] = [count('failures') + count('errors'), count('skipped')]
  return result(code, count('tests') - failed - skipped, failed, skipped)
}

/** One thread of torch a process: several of them share the cores. */
function run(command, parameters) {
  const env = { OMP_NUM_THREADS: '1', ...environment() }
  const { status, signal } = spawnSync(command, parameters, { cwd: root, stdio: 'inherit', env })
  if (signal !== null) console.error(`${command} was ended by ${signal}`)
  return status ?? 1
}

/** A suite can fail without a failed test: a file that does not load. */
function result(code, passed, failed, skipped) {
  return { code, passed, failed: code !== 0 && failed === 0 ? 1 : failed, skipped }
}

function nothing(code) {
  return result(code === 0 ? 1 : code, 0, 0, 0)
}
