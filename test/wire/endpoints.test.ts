import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Endpoints } from '../../src/wire/channel.js'
import {
  checkEndpoints,
  localEndpoints,
  prepareSocketDirectory,
  socketPath,
} from '../../src/wire/endpoints.js'

const before = process.env['XDG_RUNTIME_DIR']
beforeEach(() => {
  delete process.env['XDG_RUNTIME_DIR']
})
afterEach(() => {
  if (before === undefined) delete process.env['XDG_RUNTIME_DIR']
  else process.env['XDG_RUNTIME_DIR'] = before
})

describe('local endpoints', () => {
  test('are in a fresh directory that only its owner can enter', () => {
    const [first, second] = [made('try-1'), made('try-1')]
    expect(first).not.toEqual(second)
    const directory = dirname(socketPath(first.control))
    expect(dirname(socketPath(first.telemetry))).toBe(directory)
    expect(dirname(directory)).toBe(tmpdir())
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    checkEndpoints(first)
  })

  test('are below $XDG_RUNTIME_DIR where it is short enough', () => {
    const short = temporary('x')
    process.env['XDG_RUNTIME_DIR'] = short
    expect(socketPath(made('try-1').control)).toContain(`${short}/absgd-try-1-`)
    process.env['XDG_RUNTIME_DIR'] = temporary('x'.repeat(80))
    expect(dirname(dirname(socketPath(made('try-1').control)))).toBe(tmpdir())
    process.env['XDG_RUNTIME_DIR'] = '/no/such/place'
    expect(dirname(dirname(socketPath(made('try-1').control)))).toBe(tmpdir())
  })

  test('fit a socket whatever the name of the run', () => {
    expect(Buffer.byteLength(socketPath(made('r'.repeat(64)).telemetry))).toBeLessThan(104)
  })
})

describe('an endpoint', () => {
  test.each([
    ['tcp://127.0.0.1:5555', 'only ipc:// is allowed'],
    ['tcp://*:5555', 'only ipc:// is allowed'],
    ['inproc://x', 'only ipc:// is allowed'],
    ['', 'only ipc:// is allowed'],
    ['ipc://', 'its path must be absolute'],
    ['ipc://relative/path', 'its path must be absolute'],
    ['ipc://@abstract', 'its path must be absolute'],
    [`ipc:///${'x'.repeat(107)}`, 'at most'],
    [`ipc:///${'ä'.repeat(54)}`, 'at most'],
  ])('%s is refused by name', (endpoint, problem) => {
    const refusal = expect.objectContaining({
      code: 'usage',
      message: expect.stringContaining(`the endpoint "${endpoint}" is refused: `) as string,
    }) as Error
    expect(() => socketPath(endpoint)).toThrow(refusal)
    expect(() => socketPath(endpoint)).toThrow(problem)
    expect(() => {
      checkEndpoints({ control: 'ipc:///tmp/c', telemetry: endpoint })
    }).toThrow(refusal)
  })
})

describe('the directory of a socket', () => {
  test('is made where it is missing', () => {
    const directory = join(temporary('x'), 'gone')
    prepareSocketDirectory(join(directory, 'control'))
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  test('is refused when others can enter it', () => {
    const directory = temporary('x')
    chmodSync(directory, 0o755)
    expect(() => {
      prepareSocketDirectory(join(directory, 'control'))
    }).toThrow(
      expect.objectContaining({
        code: 'environment',
        hint: expect.stringContaining(`chmod 700 ${directory}`) as string,
      }) as Error,
    )
  })
})

function made(run: string): Endpoints {
  const endpoints = localEndpoints(run)
  onTestFinished(() => {
    rmSync(dirname(socketPath(endpoints.control)), { recursive: true })
  })
  return endpoints
}

let count = 0
function temporary(name: string): string {
  count += 1
  const directory = join(tmpdir(), `${name}-${process.pid}-${count}`)
  mkdirSync(directory, { mode: 0o700 })
  onTestFinished(() => {
    rmSync(directory, { recursive: true })
  })
  return directory
}
