import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { doctor, type Finding } from '../../src/environment/doctor.js'
import { bareEnv, script } from './wheelhouse.js'

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
  execFileSync('python3', ['-m', 'venv', '--without-pip', join(folder, 'active')], { env: bareEnv(folder) })
  const found = await findings({ env: { ...bareEnv(folder), VIRTUAL_ENV: join(folder, 'active') } })
  expect(found.at(-2)).toMatchObject({
    status: 'note',
    detail: expect.stringContaining('$VIRTUAL_ENV') as string,
  })
  expect(found.at(-1)).toMatchObject({ status: 'fault', remedy: 'npx absgd setup' })
})
