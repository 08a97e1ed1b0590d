/** Environments that the user made: used as they are, installed into only when asked. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureEnvironment } from '../../src/environment/ensure-environment.js'
import type { EnvironmentOptions } from '../../src/environment/environment-options.js'
import { bareEnv, makeVenv, pinnedWheels, script, torchWheel, writeWheels } from './wheelhouse.js'

let home: string
let wheels: string
/** Holds `venv`, with pip and torch, and `bare`, with neither. */
let folder: string
let env: NodeJS.ProcessEnv
const lines: string[] = []

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'absgd-home-'))
  folder = mkdtempSync(join(tmpdir(), 'absgd-foreign-'))
  wheels = writeWheels([torchWheel('2.91.0', WITNESS), ...pinnedWheels('worker')])
  env = bareEnv(home, { PIP_FIND_LINKS: wheels, PIP_NO_INDEX: '1' })
  execFileSync('python3', ['-m', 'venv', join(folder, 'venv')], { env })
  execFileSync(join(folder, 'venv/bin/python'), ['-m', 'pip', 'install', '-q', 'torch'], { env })
  makeVenv(join(folder, 'bare'))
})

afterAll(() => {
  for (const path of [home, wheels, folder]) rmSync(path, { recursive: true, force: true })
})

function setup(options: Partial<EnvironmentOptions> = {}) {
  lines.length = 0
  return ensureEnvironment({ directory: folder, report: (line) => lines.push(line), env, ...options })
}

const active = (name: string) => ({ env: { ...env, VIRTUAL_ENV: join(folder, name) } })

test('an active environment with torch is never installed into unasked: the pip line is printed', async () => {
  await expect(setup(active('venv'))).rejects.toMatchObject({
    code: 'environment',
    message: expect.stringMatching(/^\$VIRTUAL_ENV .* lacks pyzmq>=25, protobuf>=4\.21$/) as string,
    hint: expect.stringMatching(/-m pip install 'pyzmq>=25' 'protobuf>=4\.21'[^]*setup --install/) as string,
  })
  expect(existsSync(join(folder, '.venv'))).toBe(false)
})

test('it is completed when asked, keeps its torch, and is used from then on', async () => {
  const environment = await setup({ ...active('venv'), install: true })
  expect(environment.origin).toBe('$VIRTUAL_ENV')
  expect(environment.versions['torch']).toBe('2.91.0')
  expect(environment.versions['pyzmq']).toBeDefined()
  await expect(setup(active('venv'))).resolves.toEqual(environment)
  expect(lines).toEqual([])
})

test('its torch is imported once, and not again while it stays as it is', async () => {
  const witness = join(home, 'imported')
  const watched = { ...active('venv').env, WITNESS: witness }
  await setup(active('venv'))
  await setup({ env: watched })
  expect(existsSync(witness)).toBe(false)
  await setup({ env: { ...watched, XDG_CACHE_HOME: join(home, 'empty') } })
  expect(existsSync(witness)).toBe(true)
})

test('it is not started only to be asked, until its packages change', async () => {
  const started = join(home, 'started')
  const watched = { env: { ...active('venv').env, STARTED: started } }
  const library = join(folder, 'venv/lib')
  const packages = join(library, readdirSync(library)[0]!, 'site-packages')
  writeFileSync(join(packages, 'sitecustomize.py'), STARTED)
  await setup(watched)
  expect(existsSync(started)).toBe(true)
  rmSync(started)
  await setup(watched)
  expect(existsSync(started)).toBe(false)

  const zmq = readdirSync(packages).find((name) => /^pyzmq.*dist-info$/.test(name))!
  renameSync(join(packages, zmq), join(folder, zmq))
  await expect(setup(watched)).rejects.toMatchObject({ message: expect.stringContaining('pyzmq') as string })
  renameSync(join(folder, zmq), join(packages, zmq))
  await setup(watched)
})

test('a script that starts an interpreter is asked again, since it may start another one', async () => {
  const started = join(home, 'started-by-a-script')
  const script = join(home, 'python')
  writeFileSync(script, `#!/bin/sh\ntouch '${started}'\nexec '${folder}/venv/bin/python' "$@"\n`, {
    mode: 0o755,
  })
  const env = { ...active('venv').env, ABSGD_PYTHON: script }
  for (let time = 0; time < 2; time++) {
    await setup({ env })
    expect(existsSync(started)).toBe(true)
    rmSync(started)
  }
})

test('an active environment without torch is passed over, aloud', async () => {
  const project = mkdtempSync(join(folder, 'project-'))
  const attempt = setup({ directory: project, env: { ...active('bare').env, PATH: '/nowhere' } })
  await expect(attempt).rejects.toMatchObject({
    message: expect.stringMatching(/tried \$VIRTUAL_ENV .* has no torch\n[^]*uv: not found/) as string,
  })
  expect(lines).toEqual([`passed over $VIRTUAL_ENV (${folder}/bare/bin/python) has no torch`])
})

test('the interpreter that was named is the only candidate: an active environment that fits does not count', async () => {
  const attempt = setup({ ...active('venv'), python: join(folder, 'bare') })
  await expect(attempt).rejects.toMatchObject({
    code: 'environment',
    message: expect.stringMatching(/^--python .* lacks torch>=2\.4,<3, pyzmq/) as string,
    hint: expect.stringContaining(`--python ${join(folder, 'bare')}`) as string,
  })
  const named = setup({ env: { ...active('venv').env, ABSGD_PYTHON: '/no/such/python' } })
  await expect(named).rejects.toMatchObject({
    message: '$ABSGD_PYTHON (/no/such/python) does not start: not found',
  })
})

test("a project's .venv whose torch fails on import is an error with Python's last lines", async () => {
  const project = mkdtempSync(join(folder, 'project-'))
  makeVenv(join(project, '.venv'), [torchWheel('2.90.0', 'raise ImportError("libcudnn.so.9: cannot open")')])
  await expect(setup({ directory: project })).rejects.toMatchObject({
    code: 'environment',
    message: expect.stringMatching(/torch that fails on import\n[^]*ImportError: libcudnn\.so\.9/) as string,
    hint: expect.stringContaining('rm -r') as string,
  })
})

test('a .venv of the project is found from a folder below, up to its root and no further', async () => {
  const project = mkdtempSync(join(folder, 'project-'))
  execFileSync('mkdir', ['-p', join(project, '.venv/bin'), join(project, 'inner/deep')])
  script(join(project, '.venv/bin/python'), 'echo "Segmentation fault" >&2; exit 139')
  execFileSync('touch', [join(project, 'package.json')])
  await expect(setup({ directory: join(project, 'inner/deep') })).rejects.toMatchObject({
    message: expect.stringContaining(`${project}/.venv/bin/python does not start: exit code 139`) as string,
  })
  execFileSync('touch', [join(project, 'inner/package.json')])
  const below = setup({ directory: join(project, 'inner/deep'), env: { ...env, PATH: '/nowhere' } })
  await expect(below).rejects.toMatchObject({
    message: expect.stringMatching(
      /no Python to run the worker with\n {2}tried python3: not found[^]*uv: not found/,
    ) as string,
  })
})

/** Shows that the interpreter was started. */
const STARTED = `import os
if os.environ.get("STARTED"):
    open(os.environ["STARTED"], "w").close()
`
/** A torch that leaves a trace of its import. */
const WITNESS = 'import os\nif "WITNESS" in os.environ: open(os.environ["WITNESS"], "a").close()'
