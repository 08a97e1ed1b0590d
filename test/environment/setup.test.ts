/** Whole set-ups, with real Pythons and real pip, from a folder of fake wheels and no network. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureEnvironment } from '../../src/environment/ensure-environment.js'
import type { EnvironmentOptions } from '../../src/environment/environment-options.js'
import { bareEnv, pinnedWheels, script, torchWheel, writeWheels } from './wheelhouse.js'

let home: string
let wheels: string
let project: string
const lines: string[] = []

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'absgd-home-'))
  project = mkdtempSync(join(tmpdir(), 'absgd-project-'))
  wheels = writeWheels([
    torchWheel('2.90.0+cpu'),
    torchWheel('2.91.0'),
    torchWheel('3.1.0+cpu'),
    ...pinnedWheels('worker'),
    ...pinnedWheels('demo'),
  ])
})

afterAll(() => {
  for (const folder of [home, wheels, project]) rmSync(folder, { recursive: true, force: true })
})

function setup(options: Partial<EnvironmentOptions> = {}) {
  lines.length = 0
  return ensureEnvironment({
    directory: project,
    report: (line) => lines.push(line),
    env: bareEnv(home, { PIP_FIND_LINKS: wheels, PIP_NO_INDEX: '1' }),
    ...options,
  })
}

describe('an environment of our own', () => {
  test('is made where there is none, with the CPU build of torch that pip offers beside a newer CUDA build', async () => {
    const environment = await setup()
    expect(environment.python).toBe(join(project, '.venv', 'bin', 'python'))
    expect(environment.versions['torch']).toBe('2.90.0+cpu')
    expect(Object.keys(environment.versions)).toEqual(['python', 'torch', 'pyzmq', 'protobuf'])
    expect(lines.join('\n')).toContain('torch==2.90.0+cpu: the CPU build')
    expect(readFileSync(join(project, '.venv', '.gitignore'), 'utf8')).toBe('*\n')
  })

  test('is known again by its stamp, without a start of Python', async () => {
    const python = join(project, '.venv', 'bin', 'python')
    const tampered = mkdtempSync(join(tmpdir(), 'absgd-path-'))
    const started = join(tampered, 'started')
    for (const name of ['python3', 'python', 'uv']) script(join(tampered, name), `touch ${started}`)
    renameSync(python, `${python}.away`)
    script(python, `touch ${started}`)
    const environment = await setup({ env: { ...bareEnv(home), PATH: `${tampered}:/usr/bin:/bin` } })
    expect(environment.versions['torch']).toBe('2.90.0+cpu')
    expect(lines).toEqual([])
    expect(existsSync(started)).toBe(false)
    renameSync(`${python}.away`, python)
    rmSync(tampered, { recursive: true })
  })

  test('is completed when more is asked of it, keeps its torch, and is then known for both', async () => {
    const newer = writeWheels([torchWheel('2.92.0+cpu')])
    const env = bareEnv(home, { PIP_FIND_LINKS: `${wheels} ${newer}`, PIP_NO_INDEX: '1' })
    const environment = await setup({ extras: ['demo'], env })
    rmSync(newer, { recursive: true })
    expect(environment.versions['scikit-learn']).toMatch(/^1\./)
    expect(environment.versions['torch']).toBe('2.90.0+cpu')
    await setup()
    expect(lines).toEqual([])
    await setup({ extras: ['demo'] })
    expect(lines).toEqual([])
  })

  test('that a broken-off setup left behind is finished', async () => {
    const stamp = join(project, '.venv', 'absgd.json')
    writeFileSync(stamp, JSON.stringify({ format: 1, status: 'installing', pid: 0 }))
    await setup()
    expect(JSON.parse(readFileSync(stamp, 'utf8'))).toMatchObject({ status: 'ready' })
  })

  test('is left alone while another setup is at work on it', async () => {
    const stamp = join(project, '.venv', 'absgd.json')
    const before = readFileSync(stamp)
    writeFileSync(stamp, JSON.stringify({ format: 1, status: 'installing', pid: process.ppid }))
    await expect(setup()).rejects.toMatchObject({
      code: 'environment',
      message: expect.stringContaining(`process ${process.ppid}`) as string,
    })
    writeFileSync(stamp, before)
  })

  test('whose Python is gone is an error that names the remedy', async () => {
    const python = join(project, '.venv', 'bin', 'python')
    renameSync(python, `${python}.away`)
    await expect(setup()).rejects.toMatchObject({
      code: 'environment',
      message: expect.stringContaining('bin/python is missing') as string,
      hint: expect.stringContaining(`rm -r ${join(project, '.venv')}`) as string,
    })
    renameSync(`${python}.away`, python)
  })
})

describe('without a CPU build', () => {
  test('the size is said before the download, and a failed installation shows what pip said', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'absgd-project-'))
    const only = writeWheels([torchWheel('2.91.0')])
    const env = bareEnv(home, { PIP_FIND_LINKS: only, PIP_NO_INDEX: '1' })
    await expect(setup({ directory, env })).rejects.toMatchObject({
      code: 'environment',
      message: expect.stringMatching(/No matching distribution found for protobuf/) as string,
      hint: expect.stringContaining('-m pip install') as string,
    })
    expect(lines.join('\n')).toMatch(/torch>=2\.4,<3: .*to download/)
    for (const folder of [directory, only]) rmSync(folder, { recursive: true })
  })
})
