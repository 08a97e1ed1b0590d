/** A Python worker on this machine. */
import { fileURLToPath } from 'node:url'
import { delimiter } from 'node:path'
import type { Endpoints } from '../wire/channel.js'
import { commonEndpoint } from '../wire/endpoints.js'
import { spawnDetached, type ProcessHandle } from './process.js'

export interface LocalWorkerOptions {
  /** The interpreter. */
  readonly python: string
  readonly endpoints: Endpoints
  readonly directory: string
  /** `FILE:FUNCTION` or `MODULE:FUNCTION`. */
  readonly task: string
  readonly paramsJson: string
  readonly logFile: string
  /** Threads of torch; its own choice when absent. */
  readonly threads?: number
}

/** Starts `python -m absgd_worker.serve`, which dials the endpoints by itself. */
export function startLocalWorker(options: LocalWorkerOptions): ProcessHandle {
  return spawnDetached({
    command: options.python,
    args: ['-m', 'absgd_worker.serve'],
    outputFile: options.logFile,
    environment: {
      ABSGD_ENDPOINT: commonEndpoint(options.endpoints),
      ABSGD_RUN: options.directory,
      ABSGD_TASK: options.task,
      ABSGD_PARAMS: options.paramsJson,
      ...(options.threads === undefined ? {} : { ABSGD_THREADS: String(options.threads) }),
      PYTHONPATH: [PACKAGE, process.env['PYTHONPATH']].filter(Boolean).join(delimiter),
      PYTHONUNBUFFERED: '1',
      PYTHONUTF8: '1',
    },
  })
}

/** The worker's package runs from this npm package and is never installed anywhere. */
const PACKAGE = fileURLToPath(new URL('../../python-worker/src', import.meta.url))
