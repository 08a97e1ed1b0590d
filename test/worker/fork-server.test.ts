import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ProcessHandle } from '../../src/process/child.js'
import { processExists } from '../../src/process/identity.js'
import { exitOf, forkProcess, startForkServer, type ForkServer } from '../../src/worker/fork-server.js'
import { startForkedWorker } from '../../src/worker/forked-worker.js'
import { pythonProcess } from '../../src/worker/local.js'
import { temporaryFolder } from '../helpers/cli.js'
import { PYTHON } from '../helpers/python.js'

const ONE_FORK = 'is a fork of one that had imported torch'
const LOOK_MS = 10
let server: ForkServer

describe.skipIf(process.platform !== 'linux')('the fork server', () => {
  beforeAll(() => {
    server = startForkServer(PYTHON)
  })
  afterAll(() => {
    server.end()
  })

  test('a fork has torch at once, a session and random numbers of its own, no input, and no socket of the server', async () => {
    const code = `
import os, random, sys, torch
print('numbers', torch.rand(1).item(), random.random(), int.from_bytes(os.urandom(4), 'big'))
print('own', os.getsid(0) == os.getpid(), sys.stdin.read() == '', sys.argv, __name__, os.getcwd())
print('sockets', [name for name in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + name) and 'socket' in os.readlink('/proc/self/fd/' + name)])`
    const folder = temporaryFolder()
    const logs = [join(folder, 'a'), join(folder, 'b')]
    for (const log of logs) {
      const worker = await fork(server, code, log)
      expect(await worker.exited).toEqual({ exitCode: 0, signal: undefined })
    }
    const texts = logs.map((log) => readFileSync(log, 'utf8'))
    const numbers = texts.flatMap((text) => /numbers (.*)/.exec(text)![1]!.split(' '))
    expect(new Set(numbers).size).toBe(6)
    for (const text of texts) {
      expect(text).toContain(ONE_FORK)
      expect(text).toContain(`own True True ['-c'] __main__ ${process.cwd()}`)
      expect(text).toContain('sockets []')
    }
  })

  test('exit codes and signals are those of the process', async () => {
    const exits = [
      'import sys; sys.exit(3)',
      '1 / 0',
      'import os; os.abort()',
      'import time; time.sleep(1000)',
    ]
    const log = join(temporaryFolder(), 'log')
    const workers = await Promise.all(exits.map((code) => fork(server, code, log)))
    workers[3]!.kill('SIGTERM')
    expect(await Promise.all(workers.map(({ exited }) => exited))).toEqual([
      { exitCode: 3, signal: undefined },
      { exitCode: 1, signal: undefined },
      { exitCode: undefined, signal: 'SIGABRT' },
      { exitCode: undefined, signal: 'SIGTERM' },
    ])
    expect(exitOf(0x80 | 6)).toEqual({ exitCode: undefined, signal: 'SIGABRT' })
  })

  test('the end of the server harms no fork, and the exit code of the fork is known nevertheless', async () => {
    const short = startForkServer(PYTHON)
    onTestFinished(() => {
      short.end()
    })
    const { worker, finish } = await waiting(short)
    short.end()
    expect(existsSync(short.folder)).toBe(false)
    expect(processExists(worker.pid)).toBe(true)
    finish()
    expect(await worker.exited).toEqual({ exitCode: 3, signal: undefined })
  })

  test('the end of a fork is noticed also if the process that waits for it was killed', async () => {
    const { worker, parent, finish } = await waiting(server)
    process.kill(parent, 'SIGKILL')
    expect(processExists(worker.pid)).toBe(true)
    finish()
    expect(await worker.exited).toEqual({ exitCode: undefined, signal: undefined })
    expect(processExists(worker.pid)).toBe(false)
  })

  test('after a change of the environment a worker is started anew, and its log says why', async () => {
    process.env['ABSGD_TEST_CHANGED'] = '1'
    onTestFinished(() => {
      delete process.env['ABSGD_TEST_CHANGED']
    })
    const log = await logOfWorker(server.folder)
    expect(log).toContain('absgd: Python is started anew: the experiment file has changed the environment')
    expect(log).toContain('a script ran')
    expect(log).not.toContain(ONE_FORK)
  })

  test('where the server cannot start, a worker is started anew, and its log says why', async () => {
    const python = join(temporaryFolder(), 'python')
    writeFileSync(python, '#!/bin/sh\necho no torch here >&2\nexit 1\n', { mode: 0o755 })
    const broken = startForkServer(python)
    onTestFinished(() => {
      broken.end()
    })
    const log = await logOfWorker(broken.folder)
    expect(log).toContain(
      'Python is started anew: the process that had imported torch has ended: no torch here',
    )
    expect(log).toContain('a script ran')
  })

  test('a worker that is ended before its fork is never started', async () => {
    const script = join(temporaryFolder(), 'python')
    execFileSync('mkfifo', [`${script}.wait`])
    writeFileSync(script, `#!/bin/sh\nread x < ${script}.wait\n`, { mode: 0o755 })
    const slow = startForkServer(script)
    onTestFinished(() => {
      slow.end()
    })
    const { worker, log } = startScript(slow.folder)
    expect(worker.pid).toBe(-1)
    worker.kill('SIGTERM')
    expect(await worker.exited).toEqual({ exitCode: undefined, signal: 'SIGTERM' })
    expect(existsSync(log)).toBe(false)
  })
})

async function fork({ folder }: ForkServer, code: string, logFile: string): Promise<ProcessHandle> {
  const options = pythonProcess(['-c', code], {}, { python: PYTHON, logFile })
  return forkProcess(folder, options, new AbortController().signal)
}

/** A fork that has begun, and ends with exit code 3 once `finish` was called. */
async function waiting(
  of: ForkServer,
): Promise<{ worker: ProcessHandle; parent: number; finish: () => void }> {
  const folder = temporaryFolder()
  const [log, gate] = [join(folder, 'log'), join(folder, 'gate')]
  execFileSync('mkfifo', [gate])
  const code = `import os, sys; print('parent', os.getppid(), '.', flush=True); open('${gate}').read(); sys.exit(3)`
  const worker = await fork(of, code, log)
  const parent = () => /parent (\d+) \./.exec(readFileSync(log, 'utf8'))?.[1]
  while (parent() === undefined) await sleep(LOOK_MS)
  return { worker, parent: Number(parent()), finish: () => writeFileSync(gate, '') }
}

function startScript(forks: string): { readonly worker: ProcessHandle; readonly log: string } {
  const folder = temporaryFolder()
  const [file, log] = [join(folder, 'script.py'), join(folder, 'worker.log')]
  writeFileSync(file, 'print("a script ran")\n')
  const worker = startForkedWorker({
    forks,
    onStarted: () => undefined,
    python: PYTHON,
    logFile: log,
    // No controller listens there. The script ends before it would say Hello.
    endpoints: { control: 'ipc:///tmp/absgd-none/control', telemetry: 'ipc:///tmp/absgd-none/telemetry' },
    runDirectory: folder,
    program: { kind: 'script', file, args: [] },
    paramsJson: '{}',
  })
  return { worker, log }
}

async function logOfWorker(forks: string): Promise<string> {
  const { worker, log } = startScript(forks)
  await worker.exited
  return readFileSync(log, 'utf8')
}
