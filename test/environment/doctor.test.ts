import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { doctor, type Finding } from '../../src/environment/doctor.js'
import { PACKAGES } from '../../src/environment/install/requirements.js'
import { bareEnv, makeVenv, pinnedWheels, script, torchWheel } from './wheelhouse.js'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'absgd-doctor-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function findings(
  options: { python?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for await (const finding of doctor({ directory: folder, env: bareEnv(folder), ...options }))
    found.push(finding)
  return found
}

test('Node, the sockets and the disk are looked at first, and nothing is left behind', async () => {
  const found = await findings()
  expect(found.slice(0, 3).map(({ subject, status }) => [subject, status])).toEqual([
    ['Node', 'ok'],
    ['Sockets', 'ok'],
    ['Disk', 'ok'],
  ])
  expect(found[1]!.detail).not.toMatch(/Error/)
})

test('where there is no environment, setup is the remedy', async () => {
  expect((await findings()).at(-1)).toMatchObject({
    status: 'fault',
    subject: 'Python',
    remedy: 'npx absgd setup',
  })
})

test('a Python that does not start is a fault with its last lines', async () => {
  const python = join(folder, 'broken')
  script(python, 'echo "error while loading shared libraries: libpython3.11.so.1.0" >&2; exit 127')
  expect((await findings({ python })).at(-1)).toMatchObject({
    status: 'fault',
    subject: 'Python',
    detail: expect.stringMatching(/does not start: exit code 127\n.*libpython3\.11\.so/) as string,
  })
})

test('an active environment without torch is worth a note and no fault', async () => {
  makeVenv(join(folder, 'active'))
  const found = await findings({ env: { ...bareEnv(folder), VIRTUAL_ENV: join(folder, 'active') } })
  expect(found.at(-2)).toMatchObject({
    status: 'note',
    detail: expect.stringContaining('$VIRTUAL_ENV') as string,
  })
  expect(found.at(-1)).toMatchObject({ status: 'fault', remedy: 'npx absgd setup' })
})

test('with a whole environment there is no fault, and every package is named', async () => {
  const python = fileURLToPath(new URL('../../.venv', import.meta.url))
  const found = await findings({ python })
  expect(found.filter(({ status }) => status !== 'ok')).toEqual([])
  const packages = PACKAGES.worker.map(({ name }) => name)
  expect(found.map(({ subject }) => subject).slice(3)).toEqual([
    'Python',
    'torch',
    'Device',
    ...packages,
    'Contract',
  ])
})

test('generated code that does not load is a fault with its last lines', async () => {
  const python = join(folder, 'hollow')
  makeVenv(python, [torchWheel('2.90.0'), ...pinnedWheels('worker')])
  expect((await findings({ python })).at(-1)).toMatchObject({
    status: 'fault',
    subject: 'Contract',
    detail: expect.stringMatching(/do not load in Python:\n[^]*No module named 'google'/) as string,
    remedy: expect.stringContaining('--upgrade protobuf') as string,
  })
})
