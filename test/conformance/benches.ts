/** The kinds of workers and channels that every scenario runs over. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'
import {
  deleteCheckpoints,
  readCheckpoint,
  writeCheckpoint,
} from '../../src/log/checkpoints/checkpoint-store.js'
import { openSpool } from '../../src/simulated/spool.js'
import type { ControllerChannel, PeerChannel } from '../../src/wire/channel.js'
import { localEndpoints, socketPath } from '../../src/wire/endpoints.js'
import { bindController, connectPeer } from '../../src/wire/zmq-channel.js'
import { startSimulatedWorker } from '../../src/simulated/worker.js'
import { PYTHON } from '../helpers/python.js'
import { createSwitchboard } from './memory.js'
import { PARAMS, RUN, Scripted, type ScriptOptions } from './scripted.js'

export interface Bench {
  readonly name: string
  /** A worker that has just been started, and its controller; both are gone after the test. */
  open(context: TestContext, options?: OpenOptions): Promise<Stage>
}

export interface OpenOptions extends ScriptOptions {
  /** The run directory. @default a fresh one */
  readonly dir?: string
}

export interface Stage {
  readonly dir: string
  readonly controller: Scripted
  /** The exit code of the worker. */
  readonly exited: Promise<number | undefined>
  /** SIGTERM. */
  terminate(): void
  /** A new controller takes the place of the one there was, which knows only what that had on disk. */
  restart(options?: ScriptOptions): Promise<Scripted>
}

interface Wire {
  bind(): Promise<ControllerChannel>
  /** For a worker in this process. */
  connect(): PeerChannel
  /** The folder of the sockets; empty where there are none. */
  readonly sockets: string
}

interface Worker {
  readonly exited: Promise<number | undefined>
  terminate(pid: number): void
  end(): void
}

export function simulatedOverMemory(): Bench {
  return bench('the simulated worker, in memory', createSwitchboard, startSimulated)
}

export function simulatedOverZmq(): Bench {
  return bench('the simulated worker, over ZeroMQ', zmqWire, startSimulated)
}

export function pythonOverZmq(python: PythonWorkers): Bench {
  return bench('the Python worker, over ZeroMQ', zmqWire, (wire, dir) => python.start(dir, wire.sockets))
}

/** A new run directory: a worker learns the run's name from its last part. */
function directoryOf(run: string): string {
  const dir = join(mkdtempSync(join(tmpdir(), 'absgd-conformance-')), run)
  mkdirSync(dir)
  return dir
}

function bench(name: string, makeWire: () => Wire, start: (wire: Wire, dir: string) => Worker): Bench {
  return {
    name,
    async open({ onTestFinished }, { dir: given, ...options } = {}) {
      const dir = given ?? directoryOf(RUN)
      const wire = makeWire()
      let controller = new Scripted(await wire.bind(), options)
      const worker = start(wire, dir)
      onTestFinished(async () => {
        worker.end()
        await worker.exited
        await controller.close()
        if (given === undefined) rmSync(dirname(dir), { recursive: true, force: true })
      })
      return {
        dir,
        controller,
        exited: worker.exited,
        terminate: () => {
          worker.terminate(controller.of('hello').at(-1)?.pid ?? 0)
        },
        async restart(next = {}) {
          const durable = controller.durable()
          await controller.close()
          controller = new Scripted(await wire.bind(), { ...options, ...next }, durable)
          return controller
        },
      }
    },
  }
}

function zmqWire(): Wire {
  const endpoints = localEndpoints(RUN)
  return {
    bind: () => bindController(endpoints),
    connect: () => connectPeer(endpoints),
    sockets: dirname(socketPath(endpoints.control)),
  }
}

function startSimulated(wire: Wire, dir: string): Worker {
  const worker = startSimulatedWorker({
    run: RUN,
    params: PARAMS,
    channel: wire.connect(),
    checkpoints: {
      write: (position, bytes, keep, automatic) => writeCheckpoint(dir, position, bytes, keep, automatic),
      delete: (paths) => {
        deleteCheckpoints(dir, paths)
      },
      read: (path, sha256) => readCheckpoint(dir, path, sha256),
    },
    openSpool: (incarnation) => openSpool(dir, incarnation),
  })
  return {
    exited: worker.exited.then(({ exitCode }) => exitCode),
    terminate: () => {
      worker.kill('SIGTERM')
    },
    end: () => {
      worker.kill('SIGKILL')
    },
  }
}

/** Python workers, forked from one process: importing torch takes seconds. */
export interface PythonWorkers {
  start(dir: string, sockets: string): Worker
  /** Resolves when the process they are forked from is gone. */
  close(): Promise<void>
}

export function startPython(): PythonWorkers {
  const host: ChildProcess = spawn(PYTHON, [HOST], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  const endings = new Map<number, (exitCode: number | undefined) => void>()
  createInterface({ input: host.stdout! }).on('line', (line) => {
    const { id, exit_code: exitCode } = JSON.parse(line) as { id: number; exit_code: number }
    endings.get(id)?.(exitCode)
    endings.delete(id)
  })
  const gone = new Promise<void>((resolve) => {
    host.once('exit', () => {
      for (const end of endings.values()) end(undefined)
      resolve()
    })
  })
  let started = 0
  return {
    start(dir, sockets) {
      const id = started++
      const exited = new Promise<number | undefined>((resolve) => endings.set(id, resolve))
      host.stdin!.write(`${JSON.stringify({ id, run_dir: dir, sockets, params: PARAMS })}\n`)
      return {
        exited,
        terminate: (pid) => process.kill(pid, 'SIGTERM'),
        end: () => host.stdin!.write(`${JSON.stringify({ id, end: true })}\n`),
      }
    },
    close() {
      host.kill()
      return gone
    },
  }
}

const HOST = fileURLToPath(new URL('python-workers.py', import.meta.url))
