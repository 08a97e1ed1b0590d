/** The interpreter that most tests use behaves as one that starts cold. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { processExists } from '../src/process/identity.js'
import { temporaryFolder } from './helpers/cli.js'
import { COLD_PYTHON, PYTHON } from './helpers/python.js'

const SOURCE = fileURLToPath(new URL('../python-worker/src', import.meta.url))

const SCRIPT = `
import os, signal, sys, threading
print(os.getpid(), os.readlink("/proc/self"), "torch" in sys.modules, __name__, sys.argv[1:], os.getcwd(), flush=True)
mode = sys.argv[1]
if mode == "raise":
    raise ValueError("no luck")
if mode == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "wait":
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    print("ready", flush=True)
    while not ended.wait(0.01):
        pass
sys.exit(int(os.environ["CODE"]))
`

function start(python: string, mode: string) {
  const folder = temporaryFolder()
  const file = join(folder, 'script.py')
  writeFileSync(file, SCRIPT)
  const env = { ...process.env, PYTHONPATH: SOURCE, OMP_NUM_THREADS: '1', CODE: '7' }
  const child = spawn(python, [file, mode], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (output.stdout.includes('ready')) resolve()
    })
  })
  const words = () => output.stdout.split('\n')[0]!.split(' ')
  return { child, folder, output, ended, ready, words }
}

describe.skipIf(PYTHON === COLD_PYTHON)('a warm interpreter', () => {
  test('runs a file as __main__ in a process that has torch, and that everybody knows by one pid', async () => {
    const run = start(PYTHON, 'exit')
    expect(await run.ended).toEqual({ code: 7, signal: null })
    const [pid, own, hasTorch, ...rest] = run.words()
    expect(Number(pid)).toBe(run.child.pid)
    expect(own).not.toBe(pid)
    expect(hasTorch).toBe('True')
    expect(rest.join(' ')).toBe(`__main__ ['exit'] ${run.folder}`)
  })

  test.each(['exit', 'raise', 'kill'])('ends as a cold one does: %s', async (mode) => {
    const [warm, cold] = [start(PYTHON, mode), start(COLD_PYTHON, mode)]
    expect(await warm.ended).toEqual(await cold.ended)
    expect(warm.output.stderr.split('\n').at(-2)).toBe(cold.output.stderr.split('\n').at(-2))
  })

  test('passes signals on', async () => {
    const run = start(PYTHON, 'wait')
    await run.ready
    run.child.kill('SIGTERM')
    expect(await run.ended).toEqual({ code: 7, signal: null })
  })

  test('is killed with the process that stands for it', async () => {
    const run = start(PYTHON, 'wait')
    await run.ready
    run.child.kill('SIGKILL')
    expect(await run.ended).toEqual({ code: null, signal: 'SIGKILL' })
    while (processExists(Number(run.words()[1]))) await sleep(5)
  })
})
