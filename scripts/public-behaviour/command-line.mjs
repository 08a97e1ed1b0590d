// Runs commands of the built command line, and gives what is recorded of each.
import { fork, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createNormaliser } from './normalise.mjs'

/** @param paths `project`: a built checkout; `folder`: an empty folder, in which the commands run and which holds their runs */
export function createCommandLine(paths) {
  const { project, folder } = paths
  const normalise = createNormaliser(paths)
  const children = new Set()
  const env = {
    ...process.env,
    ABSGD_PYTHON: join(project, '.venv/bin/python'),
    ABSGD_RUNS: join(folder, 'runs'),
    OMP_NUM_THREADS: '1',
    CI: 'true',
  }

  function start(command, args) {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
      children.add(child)
      const output = { stdout: '', stderr: '' }
      child.stdout.setEncoding('utf8').on('data', (text) => (output.stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text) => (output.stderr += text))
      child.once('error', reject)
      child.once('close', (exitCode) => {
        children.delete(child)
        resolve({ exitCode, ...output })
      })
    })
  }

  const main = join(project, 'dist/cli/main.js')
  const runner = fork(RUNNER, [main], { cwd: folder, env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  children.add(runner)
  async function absgd(...args) {
    if (TRAINING.has(args[0])) return start(process.execPath, [main, ...args])
    return inRunner(...args)
  }
  let answer
  runner.on('message', (outcome) => answer.resolve(outcome))
  runner.on('exit', () => answer?.reject(new Error(`the runner ended at: absgd ${answer.args.join(' ')}`)))
  function inRunner(...args) {
    return new Promise((resolve, reject) => {
      answer = { args, resolve, reject }
      runner.send(args)
    })
  }

  return {
    ...paths,
    absgd,
    inRunner,
    /** A program of the worker's interpreter, with the project's package. */
    python: (...args) =>
      start(env.ABSGD_PYTHON, [
        '-c',
        `import runpy, sys; sys.path.insert(0, ${JSON.stringify(join(project, 'python-worker/src'))}); sys.argv = ${JSON.stringify(args)}; runpy.run_module(sys.argv[0], run_name="__main__")`,
      ]),
    /** Exit code and the printed JSON: with numbers, or as its shape where the numbers depend on time. */
    async json(args, { shape = false } = {}) {
      const { exitCode, stdout, stderr } = await absgd(...args)
      const lines = stdout.split('\n').filter((line) => line !== '')
      return { exitCode, output: lines.map((line) => normalise(parse(line, stderr), { shape })) }
    },
    /** Exit code, per type of line its fields, and the last line (`end`) whole. */
    async jsonLines(args, { shape = false } = {}) {
      const { exitCode, stdout, stderr } = await absgd(...args)
      const lines = stdout
        .trimEnd()
        .split('\n')
        .map((line) => parse(line, stderr))
      const types = {}
      for (const line of lines) {
        const fields = new Set([...(types[line.type] ?? []), ...Object.keys(line)])
        types[line.type] = [...fields].sort()
      }
      return { exitCode, types, last: normalise(lines.at(-1), { shape }) }
    },
    /** Exit code, whether anything was printed on either stream, and the prefix of the message. */
    async refusal(args) {
      const { exitCode, stdout, stderr } = await inRunner(...args)
      const prefix = /^\w+(?=:)/.exec(stderr)?.[0] ?? null
      return { exitCode, printsToStdout: stdout !== '', prefix, runs: runsIn(folder) }
    },
    /** Ends what is still running. */
    end() {
      for (const child of children) child.kill('SIGKILL')
    },
  }
}

export function runsIn(folder) {
  try {
    return readdirSync(join(folder, 'runs')).sort()
  } catch {
    return []
  }
}

function parse(line, stderr) {
  try {
    return JSON.parse(line)
  } catch {
    throw new Error(`not JSON: ${line}\n${stderr}`)
  }
}

const RUNNER = fileURLToPath(new URL('runner.mjs', import.meta.url))
/** Commands that train: each is a process of its own, as it is for users. */
const TRAINING = new Set(['run', 'fork', 'replay', 'resume'])
