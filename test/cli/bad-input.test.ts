import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunSummary } from '../../src/history/summarize-run.js'
import {
  cli,
  cliProcess,
  jsonLines,
  makeFolder,
  namesIn,
  runArgs,
  runWorkerModule,
  temporaryFolder,
  type Outcome,
} from '../helpers/cli.js'
import { PYTHON } from '../helpers/python.js'

/** What is asked, and words of the message: the thing, the permitted range, the remedy. */
type Case = readonly [what: string, args: readonly string[], words: readonly string[]]

const REFUSED: readonly Case[] = [
  ['λ = 0', ['--arm', 'zero-lambda'], ['lambda is 0', 'numbers other than 0', 'off()']],
  ['λ = NaN', ['--arm', 'nan-lambda'], ['lambda is NaN', 'numbers other than 0', 'off()']],
  ['γ = 0', ['--arm', 'zero-gamma'], ['gamma is 0', 'above 0, at most 1']],
  ['γ above 1', ['--arm', 'large-gamma'], ['gamma is 1.5', 'above 0, at most 1']],
  [
    'a join that ends before the run',
    ['--arm', 'short-in-steps'],
    ['lambda: the schedule ends at step 20', '60 steps', 'no .for'],
  ],
  ['an unknown control', ['--arm', 'unknown-control'], ['"lamda"', 'did you mean "lambda"', 'known are']],
  ['an unknown arm', ['--arm', 'gentel'], ['unknown arm "gentel"', 'gentle']],
  ['an unknown flag', ['--nmae', 'x'], ["unknown option '--nmae'", '--name']],
  ['an unknown parameter', ['--param', 'sise=1'], ['unknown parameter "sise"', '"size"', 'known: task']],
  ['a parameter out of range', ['--param', 'pace=-1'], ['pace is -1', 'a number from 0']],
  ['a parameter without a value', ['--param', 'pace'], ['--param', 'key=value']],
  ['a pace that is no number', ['--pace', 'fast'], ['--pace', 'It takes a number']],
  [
    'a task file that is not there',
    ['--param', 'task=gone.py:build'],
    ['gone.py does not exist', 'worker.task'],
  ],
  ['a name that climbs out of the runs folder', ['--name', '../x'], ['"../x"', 'a-z 0-9 . _ -']],
  ['a name that is a path', ['--name', '/abs'], ['"/abs"', 'a-z 0-9 . _ -']],
  ['a name with a blank', ['--name', 'A B'], ['"A B"', '1 to 64 characters']],
]

describe('before a worker starts', () => {
  it.each(REFUSED)('%s is refused and leaves nothing behind', async (_, args, words) => {
    const runs = temporaryFolder()
    expectRefusal(await cli(runArgs('tiny.ts', runs, ...args)), 2, words)
    expect(namesIn(runs)).toEqual([])
  })

  it('an exact name that is taken is refused, and the run that has it stays as it is', async () => {
    const runs = temporaryFolder()
    mkdirSync(join(runs, 'taken'))
    const outcome = await cli(runArgs('tiny.ts', runs, '--name', 'taken', '--exact-name'))
    expectRefusal(outcome, 2, ['"taken" exists', 'another --name', 'absgd resume taken'])
    expect(namesIn(runs)).toEqual(['taken'])
    expect(namesIn(join(runs, 'taken'))).toEqual([])
  })

  it.each([
    ['has a syntax error', 'export default {\n  length: = 3\n}\n', [':2 does not parse', 'length: = 3']],
    [
      'throws',
      "throw new TypeError('no table')\n",
      ['threw while it was loaded: TypeError: no table', 'file.ts:1'],
    ],
    ['is no experiment', 'export default { length: 3 }\n', ['is no experiment', 'defineExperiment']],
    ['exports nothing', 'export {}\n', ['has no default export', 'export default defineExperiment']],
  ])('an experiment file that %s is refused', async (_, text, words) => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file.ts'), text)
    const outcome = await cli(['run', join(folder, 'file.ts'), '--runs', join(folder, 'runs')])
    expectRefusal(outcome, 2, ['file.ts', ...words])
    expect(namesIn(folder)).toEqual(['file.ts'])
  })

  it('an experiment file that is not there is refused', async () => {
    const runs = temporaryFolder()
    expectRefusal(await cliProcess(['run', 'gone.ts', '--runs', runs]), 2, [
      'there is no file',
      'gone.ts',
      '.ts file',
    ])
    expect(namesIn(runs)).toEqual([])
  })
})

describe('the Python environment', () => {
  const FREE = { ABSGD_PYTHON: undefined, VIRTUAL_ENV: undefined, CONDA_PREFIX: undefined }

  it('that --python names and that is not there is refused', async () => {
    const runs = temporaryFolder()
    const outcome = await cli(runArgs('tiny.ts', runs, '--python', '/nonexistent'))
    expectRefusal(outcome, 1, ['/nonexistent', 'does not start: not found', '3.10 or newer'])
    expect(namesIn(runs)).toEqual([])
  })

  it('is asked for where there is no Python at all', async () => {
    const cwd = temporaryFolder()
    const outcome = await cli(runArgs('tiny.ts', join(cwd, 'runs')), { cwd, env: { ...FREE, PATH: cwd } })
    expectRefusal(outcome, 1, ['no Python', 'tried python3', '3.10 or newer', 'npx absgd setup'])
    expect(namesIn(cwd)).toEqual([])
  })

  it('without torch is told what it lacks, and nothing is installed into it', async () => {
    const cwd = temporaryFolder()
    const venv = join(cwd, 'venv')
    execFileSync(PYTHON, ['-m', 'venv', '--without-pip', venv])
    const before = namesIn(join(venv, 'bin'))
    const outcome = await cli(runArgs('tiny.ts', join(cwd, 'runs'), '--python', venv), { cwd })
    expectRefusal(outcome, 1, [venv, 'lacks torch>=', '-m pip install', 'setup --install'])
    expect(namesIn(cwd)).toEqual(['venv'])
    expect(namesIn(join(venv, 'bin'))).toEqual(before)
  })

  it('that is broken is named with the way to have it made again', async () => {
    const cwd = temporaryFolder()
    mkdirSync(join(cwd, '.venv/bin'), { recursive: true })
    writeFileSync(join(cwd, '.venv/pyvenv.cfg'), 'home = /nonexistent\n')
    symlinkSync('/nonexistent/python3', join(cwd, '.venv/bin/python'))
    const outcome = await cli(runArgs('tiny.ts', join(cwd, 'runs')), { cwd, env: FREE })
    expectRefusal(outcome, 1, [join(cwd, '.venv'), 'not found', 'rm -r', 'npx absgd setup'])
    expect(namesIn(cwd)).toEqual(['.venv'])
  })

  it('serves no tcp:// endpoint', async () => {
    const outcome = await runWorkerModule({ ABSGD_ENDPOINT: 'tcp://127.0.0.1:5555' })
    expectRefusal(outcome, 1, ['ABSGD_ENDPOINT', 'tcp://127.0.0.1:5555', 'only ipc://', 'authenticated'])
  })
})

const FAILED: readonly Case[] = [
  [
    'raises-when-built',
    ['--param', 'fault=build'],
    ['Traceback', 'tiny.py', 'RuntimeError: the task cannot be built today'],
  ],
  [
    'dies-while-starting',
    ['--param', 'fault=exit'],
    ['died while starting (exit code 1)', 'cannot open the data set'],
  ],
  [
    'is-no-task',
    ['--param', 'fault=no-task'],
    ['tiny.py:build must return an absgd_worker.Task', "'a task'"],
  ],
  [
    'is-not-there',
    ['--param', 'task=../../integration/fixtures/tiny.py:biuld'],
    ["'biuld'", "did you mean 'build'"],
  ],
  [
    'does-not-import',
    ['--param', 'task=no_import.py:build'],
    ['Traceback', 'no_import.py', 'a_module_that_is_not_there'],
  ],
  [
    'raises-in-training',
    ['--param', 'fault=raise'],
    ['Traceback', 'tiny.py', 'ValueError: a loss went wrong'],
  ],
  [
    'gives-a-scalar',
    ['--param', 'fault=scalar'],
    ['one loss per sample', 'shape [8], not []', "reduction='none'"],
  ],
  [
    'ends-too-early',
    ['--arm', 'short-in-epochs'],
    ['lambda: the schedule ends at step 39', '60 steps', 'no .for'],
  ],
]

describe('once the worker has started', () => {
  const runs = makeFolder()
  const outcomes = new Map<string, Outcome>()
  let summaries: ReadonlyMap<string, RunSummary>

  beforeAll(async () => {
    const waiting = [...FAILED]
    // Two at a time: a worker's start is slow, and there may be no more cores.
    const lane = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [name, args] = next
        outcomes.set(name, await cli(runArgs('tiny.ts', runs, '--name', name, ...args)))
      }
    }
    await Promise.all([lane(), lane()])
    const { stdout } = await cli(['ls', '--runs', runs, '--json'])
    summaries = new Map((JSON.parse(stdout) as RunSummary[]).map((summary) => [summary.run, summary]))
  }, 240_000)

  afterAll(() => {
    rmSync(runs, { recursive: true, force: true })
  })

  it.each(FAILED)('a task that %s ends the run as failed, in words', (name, _, words) => {
    const { code, stdout } = outcomes.get(name)!
    expect(code).toBe(1)
    const text = plain(stdout)
    expect(words.filter((word) => !text.includes(word))).toEqual([])
    expect(text).toContain('failed after')

    const summary = summaries.get(name)!
    expect(summary).toMatchObject({ status: 'failed', run: name })
    expect(summary.pids).toBeUndefined()
    expect(summary.damage).toBeUndefined()
    const recorded = plain(`${summary.reason} ${summary.detail}`)
    expect(words.filter((word) => !recorded.includes(word))).toEqual([])
    expect(namesIn(join(runs, name)).filter((file) => /^(lock|controller\.json)$/.test(file))).toEqual([])
  })

  it('show says of a failed run what ls says', async () => {
    const { code, stdout } = await cli(['show', 'raises-in-training', '--runs', runs, '--json'])
    expect(code).toBe(0)
    const [shown] = jsonLines(stdout)
    expect(shown).toEqual(summaries.get('raises-in-training'))
    expect(shown).toMatchObject({ status: 'failed', steps: 19 })
  })

  it('a log that is cut or damaged is read up to there, and ls and show say so', async () => {
    const damaged = temporaryFolder()
    const cut = copyRun(runs, 'raises-in-training', damaged, 'cut')
    const log = readFileSync(join(cut, 'steps.log'))
    truncateSync(join(cut, 'steps.log'), log.length - 5)
    const flipped = copyRun(runs, 'raises-in-training', damaged, 'flipped')
    const { offset } = damageOf(await show(damaged, 'cut'))
    // In the frame before the one that was cut.
    writeFileSync(join(flipped, 'steps.log'), flip(log, offset! - 3))

    const cutSummary = await show(damaged, 'cut')
    expect(damageOf(cutSummary)).toMatchObject({ file: 'steps.log', reason: 'torn' })
    expect(cutSummary).toMatchObject({ status: 'lost', steps: 19 })
    expect(cutSummary.final['train.loss']).toBe(summaries.get('raises-in-training')!.final['train.loss'])
    const flippedSummary = await show(damaged, 'flipped')
    expect(damageOf(flippedSummary)).toMatchObject({ file: 'steps.log', reason: 'crc' })
    expect(flippedSummary.steps).toBe(19)

    const { code, stdout } = await cli(['ls', '--runs', damaged])
    expect(code).toBe(0)
    expect(stdout.match(/^\* .*steps\.log.*$/gm)).toHaveLength(2)
    const page = await cli(['show', join(damaged, 'flipped')])
    expect(page.stdout).toMatch(/damaged +steps\.log, byte/)

    rmSync(join(flipped, 'manifest.json'))
    const watched = await cli(['watch', join(damaged, 'flipped')])
    expect(watched.code).toBe(75)
    expect(watched.stdout).toMatch(/damaged +steps\.log, byte/)
  })
})

function expectRefusal({ code, stdout, stderr }: Outcome, expected: number, words: readonly string[]): void {
  expect(stdout).toBe('')
  const text = plain(stderr)
  expect(
    words.filter((word) => !text.includes(word)),
    stderr,
  ).toEqual([])
  expect(stderr).not.toMatch(/^ +at .*\/(dist|node_modules)\//m)
  expect(code).toBe(expected)
}

/** Wrapped lines joined again. */
function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

async function show(runs: string, run: string): Promise<RunSummary> {
  const { stdout } = await cli(['show', join(runs, run), '--json'])
  return JSON.parse(stdout) as RunSummary
}

function damageOf({ damage }: RunSummary) {
  expect(damage).toHaveLength(1)
  return damage![0]!
}

function copyRun(from: string, run: string, to: string, name: string): string {
  cpSync(join(from, run), join(to, name), { recursive: true })
  return join(to, name)
}

function flip(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = copy[at]! ^ 0xff
  return copy
}
