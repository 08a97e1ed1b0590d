import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { expect, test } from 'vitest'
import { PACKAGE_ROOT, VERSION } from '../../src/version.js'
import { cli } from '../helpers/cli.js'

test('setup --wheel prints the path of a wheel of this version, built from the sources of a clone', async () => {
  const before = Date.now() - 2000
  const { code, stdout, stderr } = await cli(['setup', '--wheel'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const path = stdout.trimEnd()
  expect(isAbsolute(path) && existsSync(path)).toBe(true)
  expect(path.endsWith(`/absgd_worker-${VERSION}-py3-none-any.whl`)).toBe(true)
  expect(statSync(path).mtimeMs).toBeGreaterThan(before)
})

test('a release carries the wheel', async () => {
  await cli(['setup', '--wheel'])
  const answer = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: PACKAGE_ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  expect(answer).toContain(join('python-worker', 'dist', `absgd_worker-${VERSION}-py3-none-any.whl`))
  expect(answer).toContain(join('python-worker', 'pyproject.toml'))
})

test('a Python that cannot build the wheel is an error that names the option', async () => {
  const { code, stdout, stderr } = await cli(['setup', '--wheel', '--python', '/nowhere/python'])
  expect(code).not.toBe(0)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/could not be built[^]*\/nowhere\/python: not found[^]*--wheel --python PATH/)
})
