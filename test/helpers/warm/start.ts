/** Starts the warm server of the tests, and makes the virtual environment whose interpreter asks it. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export default async function startWarmPython(): Promise<(() => void) | undefined> {
  // Forks are killed with their client by a feature of Linux.
  if (process.platform !== 'linux' || process.env['ABSGD_COLD'] !== undefined) return undefined
  if (!existsSync(COLD)) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'absgd-warm-'))
  const socket = join(folder, 'socket')
  // Threads of torch are counted when it is imported: only processes that want one are warm.
  process.env['OMP_NUM_THREADS'] ??= '1'
  process.env['ABSGD_WARM_PYTHON'] = makeEnvironment(join(folder, 'venv'), socket)
  const log = openSync(join(folder, 'server.log'), 'a')
  const server = spawn(COLD, [join(HERE, 'server.py'), socket], {
    // It ends when this process does, however that ends.
    stdio: ['pipe', log, log],
    env: { ...process.env, PYTHONPATH: SOURCE, PYTHONUTF8: '1', OMP_NUM_THREADS: '1' },
  })
  server.unref()
  // From here on it takes requests, and answers them once it has imported torch.
  while (!existsSync(socket) && server.exitCode === null) await sleep(5)
  return () => {
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Looks like the environment of the project; its interpreter is the client. */
function makeEnvironment(venv: string, socket: string): string {
  mkdirSync(join(venv, 'bin'), { recursive: true })
  symlinkSync(join(VENV, 'lib'), join(venv, 'lib'))
  for (const name of ['pyvenv.cfg', 'absgd.json'].filter((name) => existsSync(join(VENV, name))))
    cpSync(join(VENV, name), join(venv, name))
  const python = join(venv, 'bin', 'python')
  const command = [COLD, '-ISX', 'utf8', join(HERE, 'client.py'), socket, COLD, SOURCE]
  writeFileSync(python, `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`)
  chmodSync(python, 0o755)
  return python
}

const HERE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const VENV = join(ROOT, '.venv')
const COLD = join(VENV, 'bin', 'python')
const SOURCE = join(ROOT, 'python-worker', 'src')
