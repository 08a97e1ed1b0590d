/** Which installer is taken, and what uv is told: a stand-in for uv writes down its arguments. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, afterEach, expect, test } from 'vitest'
import { chooseInstaller, findTools } from '../../src/environment/choose-installer.js'
import { bareEnv, script } from './wheelhouse.js'

let folder: string
let calls: string
const lines: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'absgd-uv-'))
  calls = join(folder, 'calls')
  mkdirSync(join(folder, 'venv', 'bin'), { recursive: true })
  lines.length = 0
})

afterEach(() => rmSync(folder, { recursive: true }))

/** An environment with a `uv` that notes its arguments, and fails where its first argument for a torch build is. */
async function installer(extra: NodeJS.ProcessEnv = {}, { backends = true, offline = false } = {}) {
  const refuse = backends ? '' : 'case "$*" in *torch-backend*) echo "no such index" >&2; exit 2;; esac'
  script(join(folder, 'uv'), `echo "$@" >> ${calls}\n${refuse}`)
  const env = bareEnv(folder, { ...extra, PATH: `${folder}:${process.env['PATH'] ?? ''}` })
  const tools = await findTools(env)
  return chooseInstaller(tools, { env, offline, report: (line) => lines.push(line) })!
}

function installs(): readonly string[] {
  return readFileSync(calls, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('pip install'))
}

test('uv is taken where it is found', async () => {
  expect((await installer()).name).toBe('uv')
})

test('pip is taken where its configuration says where packages come from, since uv does not read it', async () => {
  expect((await installer({ PIP_FIND_LINKS: '/wheels' })).name).toBe('pip')
  const config = join(folder, 'pip.conf')
  script(config, '[global]\nextra-index-url = https://example.invalid/simple')
  expect((await installer({ PIP_CONFIG_FILE: config })).name).toBe('pip')
})

test('uv takes the build of torch that suits this machine', async () => {
  await (
    await installer()
  ).install(join(folder, 'venv', 'bin', 'python'), ['-r', 'pins.txt'], { torch: true })
  expect(installs()).toEqual([
    `pip install --python ${folder}/venv/bin/python -r pins.txt torch>=2.4,<3 --torch-backend=auto`,
  ])
})

test('and the ordinary index where the one of builds does not answer, with the size said first', async () => {
  const uv = await installer({}, { backends: false })
  await uv.install(join(folder, 'venv', 'bin', 'python'), [], { torch: true })
  expect(installs().at(-1)).not.toContain('--torch-backend')
  expect(lines.join('\n')).toContain('to download')
})

test("a backend of the user's own choice and an offline set-up are respected", async () => {
  const python = join(folder, 'venv', 'bin', 'python')
  await (await installer({ UV_TORCH_BACKEND: 'cu130' })).install(python, [], { torch: true })
  await (await installer({}, { offline: true })).install(python, [], { torch: true })
  expect(installs().join('\n')).not.toContain('--torch-backend')
  expect(installs().at(-1)).toContain('--offline')
})
