/** A Python worker on this machine. */
import { delimiter, join } from 'node:path'
import { PACKAGE_ROOT } from '../version.js'
import { quote } from '../utils/shell-quote.js'
import type { Program } from '../record/worker-program.js'
import type { Endpoints } from '../wire/channel.js'
import { commonEndpoint } from '../wire/endpoints.js'
import { spawnDetached, type ProcessHandle, type SpawnOptions } from '../process/child.js'

/** The settings that a worker gets as environment variables (proto/README.md, "Sockets"). */
export interface WorkerSettings {
  readonly endpoints: Endpoints
  /** The run directory. */
  readonly runDirectory: string
  readonly program: Program
  readonly paramsJson: string
}

/** How Python is started. */
export interface PythonOptions {
  /** The interpreter. */
  readonly python: string
  /** Its working directory. @default that of this process */
  readonly directory?: string
  readonly logFile: string
  /** Number of threads that torch uses. @default torch's own choice */
  readonly threads?: number
}

/** Starts the program's worker, which connects to the endpoints by itself. */
export function startLocalWorker(options: PythonOptions & WorkerSettings): ProcessHandle {
  return spawnDetached(workerProcess(options))
}

/** How the program's worker is started. */
export function workerProcess(options: PythonOptions & WorkerSettings): SpawnOptions {
  return pythonProcess(workerArguments(options.program), workerEnvironment(options), options)
}

/** Python with this package's worker on its path. */
export function pythonProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  { python, logFile, threads, directory }: PythonOptions,
): SpawnOptions {
  return {
    command: python,
    args,
    outputFile: logFile,
    ...(directory === undefined ? {} : { directory }),
    environment: {
      ...environment,
      ...(threads === undefined ? {} : { ABSGD_THREADS: String(threads) }),
      PYTHONPATH: [PACKAGE, process.env['PYTHONPATH']].filter(Boolean).join(delimiter),
      PYTHONUNBUFFERED: '1',
      PYTHONUTF8: '1',
    },
  }
}

/** The interpreter's arguments: a module of absgd_worker, and the script that it runs. */
export function workerArguments(program: Program): readonly string[] {
  switch (program.kind) {
    case 'task':
      return ['-m', 'absgd_worker.serve']
    case 'script':
      return ['-m', 'absgd_worker.run', program.file, ...program.args]
    case 'module':
      return ['-m', 'absgd_worker.run', '-m', program.module, ...program.args]
    case 'unnamed':
      return ['-m', 'absgd_worker.run', 'train.py']
    default:
      return program satisfies never
  }
}

export function workerEnvironment(settings: WorkerSettings): Readonly<Record<string, string>> {
  const { endpoints, runDirectory, program, paramsJson } = settings
  return {
    ABSGD_ENDPOINT: commonEndpoint(endpoints),
    ABSGD_RUN: runDirectory,
    ...(program.kind === 'task' ? { ABSGD_TASK: program.task } : {}),
    ABSGD_PARAMS: paramsJson,
  }
}

/** The command that starts the worker in a shell, indented. People replace `python` by their own interpreter. */
export function commandByHand(
  settings: Pick<WorkerSettings, 'endpoints' | 'runDirectory' | 'program'>,
): string {
  const { ABSGD_ENDPOINT = '', ABSGD_RUN = '' } = workerEnvironment({ ...settings, paramsJson: '' })
  const variables = { ABSGD_ENDPOINT, ABSGD_RUN, PYTHONPATH: PACKAGE }
  const lines = Object.entries(variables).map(([name, value]) => `  ${name}=${quote(value)} \\\n`)
  return `${lines.join('')}  python ${workerArguments(settings.program).map(quote).join(' ')}`
}

/** The folder of the worker's Python package, which runs from this npm package without being installed. */
export const PACKAGE = join(PACKAGE_ROOT, 'python-worker', 'src')
