/** The built command line: in this process where it only has to answer, as a process of its own where that is the point. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { readRunView } from '../../src/log/run-view.js'
import type { RunSummary } from '../../src/history/summarize-run.js'
import { runInProcess, type Outcome } from './cli-in-process.js'
import { PYTHON } from './python.js'

export type { Outcome } from './cli-in-process.js'

export interface CliOptions {
  readonly cwd?: string
  /** Over this process's own; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** A command that may still be running. */
export interface Started {
  readonly child: ChildProcess
  readonly outcome: Promise<Outcome>
}

/** Runs a command to its end, inside this process. */
export async function cli(
  args: readonly string[],
  { cwd = ROOT, env = {} }: CliOptions = {},
): Promise<Outcome> {
  return runInProcess({ main: MAIN, args, cwd, env: { ...COMMON_ENVIRONMENT, ...env } })
}

/** Runs a command to its end, as a process of its own. */
export async function cliProcess(args: readonly string[], options: CliOptions = {}): Promise<Outcome> {
  return startCli(args, options).outcome
}

/** `python -m absgd_worker.serve` with an environment that would do, but for what is given. */
export async function runWorkerModule(env: Readonly<Record<string, string>>): Promise<Outcome> {
  return start(PYTHON, ['-m', 'absgd_worker.serve'], {
    env: {
      ABSGD_ENDPOINT: 'ipc:///nonexistent',
      ABSGD_RUN: '/nonexistent/run',
      ABSGD_TASK: 'task.py:build',
      PYTHONPATH: join(ROOT, 'python-worker/src'),
      ...env,
    },
  }).outcome
}

export function startCli(args: readonly string[], options: CliOptions = {}): Started {
  return start(process.execPath, [MAIN, ...args], options)
}

function start(command: string, args: readonly string[], { cwd, env = {} }: CliOptions): Started {
  const child = spawn(command, args, {
    cwd: cwd ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A command that hangs must not outlive the test that started it.
    timeout: COMMAND_LIMIT_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...COMMON_ENVIRONMENT, ...env },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code, ...output })
    })
  })
  return { child, outcome }
}

/** `absgd run` of a fixture; torch on one thread, as several runs share the cores. */
export function runArgs(fixture: string, runs: string, ...more: readonly string[]): string[] {
  return ['run', fixturePath(fixture), '--runs', runs, '--threads', '1', ...more]
}

export function fixturePath(name: string): string {
  return join(ROOT, 'test/cli/fixtures', name)
}

/** The output of `show --json`; undefined if the run does not exist yet. */
export async function summaryOf(runs: string, run: string): Promise<RunSummary | undefined> {
  const { code, stdout } = await cli(['show', run, '--runs', runs, '--json'])
  return code === 0 ? (JSON.parse(stdout) as RunSummary) : undefined
}

/** Asks until the run stands as is waited for; a run that ends otherwise fails the test at once. */
export async function until(
  runs: string,
  run: string,
  holds: (summary: RunSummary) => boolean,
): Promise<RunSummary> {
  // Read in this process: a command for every look would take the cores from what is waited for.
  for (;;) {
    const { summary } = await readRunView(join(runs, run))
    if (holds(summary)) return summary
    if (summary.status !== 'running') {
      throw new Error(`the run is ${summary.status}: ${summary.reason ?? ''}\n${summary.detail ?? ''}`)
    }
    await sleep(LOOK_INTERVAL_MS)
  }
}

/** Objects of a command's lines. */
export function jsonLines(stdout: string): Readonly<Record<string, unknown>>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
}

/** Names in a folder; none where there is no folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** An empty folder, to be removed by whoever asked. */
export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'absgd-cli-'))
}

/** An empty folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = makeFolder()
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const LOOK_INTERVAL_MS = 50
const COMMAND_LIMIT_MS = 100_000
/** The built command line. */
export const MAIN = join(ROOT, 'dist/cli/main.js')
const COMMON_ENVIRONMENT = { ABSGD_PYTHON: PYTHON, OMP_NUM_THREADS: '1' }
