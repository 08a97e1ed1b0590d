/** Checks everything that a run needs, without changing anything, and gives a remedy for each problem. */
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { localEndpoints } from '../wire/endpoints.js'
import { candidates, type Candidate } from './interpreter-candidates.js'
import { lastLines, runCommand } from './run-command.js'
import { missingPackagesError, unusableInterpreterError } from './environment-errors.js'
import { freeBytes, gigabytes } from './install/disk-space.js'
import { probePython, type Facts } from './probe-interpreter.js'
import { packagesOf, WORKER_DIRECTORY } from './install/requirements.js'
import { readStamp } from './install/stamp.js'
import { judge, type Verdict } from './judge-interpreter.js'
import { atLeast } from './python-versions.js'

/** The result of one check. `note`: information, not a problem. */
export interface Finding {
  readonly status: 'ok' | 'note' | 'fault'
  readonly subject: string
  readonly detail: string
  /** How to repair a fault. */
  readonly remedy?: string | undefined
}

export interface DoctorOptions {
  readonly directory: string
  readonly python?: string | undefined
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
}

/** Yields each finding as soon as it is known, because importing torch takes seconds. */
export async function* doctor({
  directory,
  python,
  env = process.env,
}: DoctorOptions): AsyncGenerator<Finding> {
  yield node()
  yield await sockets()
  yield disk(directory)
  let used: Facts | undefined
  for (const candidate of candidates({ directory, python, env })) {
    if (used !== undefined) break
    const packages = packagesOf([]).map(({ name }) => name)
    const verdict = judge(await probePython(candidate.python, { env, packages }), [])
    yield interpreter(candidate, verdict)
    if (verdict.status === 'fits') used = verdict.facts
    else if (candidate.kind !== 'active' || (verdict.status === 'lacks' && !verdict.torch)) return
  }
  if (used === undefined) {
    yield fault('Python', 'no environment for the worker yet', 'npx absgd setup')
    return
  }
  yield* packagesIn(used)
  yield await contract(used, env)
}

function node(): Finding {
  const version = process.versions.node
  if (atLeast(version, NODE_MINIMUM)) return ok('Node', version)
  return fault('Node', `${version} is too old`, `install Node ${NODE_MINIMUM} or newer`)
}

/** Binds the sockets of a controller. The module is imported here, so that a missing native binary is reported as a finding. */
async function sockets(): Promise<Finding> {
  let folder: string | undefined
  try {
    const { bindController } = await import('../wire/zmq-channel.js')
    const endpoints = localEndpoints('doctor')
    folder = dirname(endpoints.control.replace(/^ipc:\/\//, ''))
    const channel = await bindController(endpoints)
    await channel.close()
    return ok('Sockets', `ZeroMQ bound two in ${folder}`)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const remedy = /zeromq|\.node\b/.test(reason)
      ? 'npm rebuild zeromq'
      : 'point $XDG_RUNTIME_DIR or $TMPDIR at a folder of yours with a short path'
    return fault('Sockets', reason, remedy)
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
}

function disk(directory: string): Finding {
  const free = freeBytes(directory)
  if (free >= DISK_MINIMUM) return ok('Disk', `${gigabytes(free)} free in ${directory}`)
  return fault('Disk', `${gigabytes(free)} free in ${directory}`, 'make room: logs and checkpoints go there')
}

function interpreter(candidate: Candidate, verdict: Verdict): Finding {
  const { python, origin, kind } = candidate
  const place = python.startsWith(origin) ? python : `${python} (${origin})`
  if (verdict.status === 'fits') return ok('Python', `${verdict.facts.python} at ${place}`)
  const error =
    verdict.status === 'lacks'
      ? missingPackagesError(candidate, verdict, { extras: [] })
      : unusableInterpreterError(candidate, verdict)
  // Setup completes an environment that absgd created without asking again.
  if (candidate.venv !== undefined && readStamp(candidate.venv) !== undefined && verdict.status === 'lacks') {
    return fault('Python', error.message, 'npx absgd setup')
  }
  const passedOver = kind === 'active' && (verdict.status === 'unusable' || verdict.torch)
  if (passedOver) return { status: 'note', subject: 'Python', detail: `${error.message}: passed over` }
  return fault('Python', error.message, error.hint)
}

function* packagesIn({ versions, torch }: Facts): Generator<Finding> {
  if (torch?.ok) {
    yield ok('torch', `${torch.version}, imported in ${torch.seconds.toFixed(1)} s`)
    yield ok('Device', torch.device)
  }
  for (const { name } of packagesOf([])) yield ok(name, versions[name] ?? '')
}

/** Whether the generated code loads under this environment's protobuf. */
async function contract({ executable }: Facts, env: NodeJS.ProcessEnv): Promise<Finding> {
  const result = await runCommand(executable, ['-c', LOAD_CONTRACT, join(WORKER_DIRECTORY, 'src')], {
    env,
    timeoutMs: IMPORT_TIMEOUT_MS,
  })
  if (result.status === 'ok') return ok('Contract', 'the messages load in Python')
  const detail = `the messages do not load in Python:\n${lastLines(result.tail, 3)}`
  return fault('Contract', detail, `${executable} -m pip install --upgrade protobuf`)
}

function ok(subject: string, detail: string): Finding {
  return { status: 'ok', subject, detail }
}

function fault(subject: string, detail: string, remedy: string | undefined): Finding {
  return { status: 'fault', subject, detail, remedy }
}

/** Imports the generated code without `absgd_worker/__init__.py`, which would import torch. */
const LOAD_CONTRACT = `
import sys, types
package = types.ModuleType("absgd_worker")
package.__path__ = [sys.argv[1] + "/absgd_worker"]
sys.modules["absgd_worker"] = package
import absgd_worker.gen.envelope_pb2
`

const NODE_MINIMUM = '20.19'
const DISK_MINIMUM = 1e9
const IMPORT_TIMEOUT_MS = 60_000
