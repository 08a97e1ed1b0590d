// Which statements and branches the tests run, by folder: `coverage.mjs [ts|py] [--save FILE] [--against FILE]`.
// Programs that a test starts as processes of their own are not counted, in either language.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './project.mjs'

const USAGE = 'usage: coverage.mjs [ts|py] [--save FILE] [--against FILE]'
const languages = {
  ts: {
    source: join(root, 'src'),
    read: readVitest,
    flags: (folder) => [
      '--coverage.enabled',
      '--coverage.provider=v8',
      '--coverage.include=src/**',
      '--coverage.reporter=json-summary',
      '--coverage.reportOnFailure',
      `--coverage.reportsDirectory=${folder}`,
    ],
  },
  py: {
    source: join(root, 'python-worker', 'src', 'absgd_worker'),
    read: readPytest,
    flags: (folder) => [
      '--cov=absgd_worker',
      '--cov-branch',
      `--cov-report=json:${join(folder, 'coverage.json')}`,
    ],
  },
}
const { only, save, against } = options()
if (only !== 'py' && !existsSync(join(root, 'node_modules', '@vitest', 'coverage-v8'))) {
  console.error(
    'coverage of TypeScript needs @vitest/coverage-v8: npm install --save-dev @vitest/coverage-v8',
  )
  process.exit(2)
}

let failed = false
const rows = Object.keys(languages)
  .filter((language) => only === undefined || language === only)
  .flatMap(measured)
console.log(`\n${table(rows)}`)
if (save !== undefined) writeFileSync(save, JSON.stringify(rows, null, 2) + '\n')
if (against !== undefined) compare(JSON.parse(readFileSync(against, 'utf8')))
process.exitCode = failed ? 1 : 0

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { save: { type: 'string' }, against: { type: 'string' } },
    })
    if (positionals.length > 1 || !positionals.every((name) => name in languages)) throw new Error(USAGE)
    return { only: positionals[0], ...values }
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

/** One row for each folder of the sources, and one for all of them. */
function measured(language) {
  const { source, read, flags } = languages[language]
  const folder = mkdtempSync(join(tmpdir(), 'absgd-coverage-'))
  const command = [join(root, 'scripts', 'test.mjs'), language, ...flags(folder)]
  failed ||= spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' }).status !== 0
  const files = read(folder)
  rmSync(folder, { recursive: true })
  const folderOf = ({ path }) => relative(source, dirname(path)).split('/')[0] || '.'
  const folders = [...new Set(files.map(folderOf))]
    .toSorted()
    .map((name) => [name, files.filter((file) => folderOf(file) === name)])
  return [...folders, ['all', files]].map(([name, group]) => ({
    language,
    folder: name,
    statements: sum(group.map((file) => file.statements)),
    branches: sum(group.map((file) => file.branches)),
  }))
}

function readVitest(folder) {
  const { total: _, ...files } = JSON.parse(readFileSync(join(folder, 'coverage-summary.json'), 'utf8'))
  return Object.entries(files).map(([path, { statements, branches }]) => ({ path, statements, branches }))
}

function readPytest(folder) {
  const { files } = JSON.parse(readFileSync(join(folder, 'coverage.json'), 'utf8'))
  return Object.entries(files).map(([path, { summary }]) => ({
    path: join(root, path),
    statements: { covered: summary.covered_lines, total: summary.num_statements },
    branches: { covered: summary.covered_branches, total: summary.num_branches },
  }))
}

function sum(counts) {
  return {
    covered: counts.reduce((total, count) => total + count.covered, 0),
    total: counts.reduce((total, count) => total + count.total, 0),
  }
}

function table(lines) {
  const cells = lines.map(({ language, folder, statements, branches }) => [
    language,
    folder,
    ...[statements, branches].flatMap((count) => [`${count.covered} of ${count.total}`, percent(count)]),
  ])
  return ['language | folder | statements | % | branches | %', '---|---|---:|---:|---:|---:']
    .concat(cells.map((row) => row.join(' | ')))
    .join('\n')
}

function percent({ covered, total }) {
  return total === 0 ? '–' : ((100 * covered) / total).toFixed(2)
}

/** A language whose share of covered statements or branches is lower than in `before` is a failure. */
function compare(before) {
  for (const row of rows.filter(({ folder }) => folder === 'all'))
    for (const kind of ['statements', 'branches']) {
      const old = before.find(({ language, folder }) => language === row.language && folder === 'all')?.[kind]
      if (old === undefined || row[kind].covered * old.total >= old.covered * row[kind].total) continue
      console.error(`${row.language}: ${kind} fell from ${percent(old)} to ${percent(row[kind])} %`)
      failed = true
    }
}
