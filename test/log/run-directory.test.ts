import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  checkRunName,
  createRunDirectory,
  findRun,
  listRuns,
  readControllerFile,
  readManifest,
  removeControllerFile,
  runPaths,
  runsRoot,
  writeControllerFile,
} from '../../src/log/run-directory.js'
import { manifestOf, temporaryDirectory } from './fixtures.js'

describe('the name of a run', () => {
  test.each(['a', '0', 'digits-sgd-1', 'a.b_c', 'x'.repeat(64)])('may be %s', (name) => {
    checkRunName(name)
  })

  test.each(['', '.', '..', '../x', 'a/b', '/tmp/x', '-rf', '.hidden', 'a b', 'ä', 'a\n', 'x'.repeat(65)])(
    'may not be "%s"',
    (name) => {
      const refusal = expect.objectContaining({
        code: 'run-directory',
        hint: expect.stringContaining('1 to 64 characters') as string,
      }) as Error
      expect(() => {
        checkRunName(name)
      }).toThrow(refusal)
      expect(() => createRunDirectory(temporaryDirectory(), name, manifestOf(name))).toThrow(refusal)
    },
  )
})

describe('a new run directory', () => {
  test('has the rule of weights in its manifest, where one was chosen', () => {
    const manifest = manifestOf('try-1')
    const weighting = { preset: 'reference', alpha: 0.5, floor: true } as const
    const chosen = { ...manifest, config: { ...manifest.config, weighting } }
    const dir = createRunDirectory(temporaryDirectory(), 'try-1', chosen)
    expect(readManifest(dir)).toEqual(chosen)
    writeFileSync(runPaths(dir).manifest, JSON.stringify(chosen).replace('0.5', '-1'))
    expect(() => readManifest(dir)).toThrow(/config\.weighting\.alpha/)
  })

  test('is its owner’s alone, with the manifest and empty folders', () => {
    const root = join(temporaryDirectory(), 'not', 'there', 'yet')
    const dir = createRunDirectory(root, 'try-1', manifestOf('try-1'))
    expect(dir).toBe(join(root, 'try-1'))
    expect(readdirSync(dir).sort()).toEqual(['checkpoints', 'manifest.json', 'spool'])
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    expect(statSync(runPaths(dir).manifest).mode & 0o777).toBe(0o600)
    expect(readManifest(dir)).toEqual(manifestOf('try-1'))
    expect(readdirSync(root)).toEqual(['try-1'])
  })

  test.each([
    ['a run', (path: string) => createRunDirectory(resolve(path, '..'), basename(path), manifestOf('try-1'))],
    ['an empty directory', (path: string) => mkdirSync(path)],
    ['a file', (path: string) => writeFileSync(path, 'mine')],
    ['a link that leads nowhere', (path: string) => symlinkSync('/no/such/place', path)],
  ])('never takes the place of %s', (_, make) => {
    const root = temporaryDirectory()
    make(join(root, 'try-1'))
    expect(() => createRunDirectory(root, 'try-1', manifestOf('try-1'))).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        message: `the run "try-1" exists already in ${root}`,
        hint: expect.stringContaining('--name') as string,
      }) as Error,
    )
    expect(readdirSync(root)).toEqual(['try-1'])
  })

  test('leaves nothing behind when it cannot be completed', () => {
    const root = temporaryDirectory()
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    expect(() => createRunDirectory(root, 'try-1', { ...manifestOf('try-1'), params: cyclic })).toThrow()
    expect(readdirSync(root)).toEqual([])
    writeFileSync(join(root, 'file'), '')
    if (process.platform === 'linux')
      expect(() => createRunDirectory('/proc/none/runs', 'try-1', manifestOf('try-1'))).toThrow('cannot make')
    expect(() => createRunDirectory(join(root, 'file'), 'try-1', manifestOf('try-1'))).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        hint: expect.stringContaining('--runs') as string,
      }) as Error,
    )
  })
})

describe('finding a run', () => {
  test('goes by name below the root, or by path', () => {
    const root = temporaryDirectory()
    const dir = createRunDirectory(root, 'try-1', manifestOf('try-1'))
    expect(findRun(root, 'try-1')).toBe(dir)
    expect(findRun('/no/such/root', dir)).toBe(dir)
    expect(findRun(root, `${dir}/`)).toBe(dir)
  })

  test('finds what has a damaged manifest, or a log alone', () => {
    const root = temporaryDirectory()
    for (const [name, file] of [
      ['a', 'manifest.json'],
      ['b', 'steps.log'],
    ] as const) {
      mkdirSync(join(root, name))
      writeFileSync(join(root, name, file), 'x')
      expect(findRun(root, name)).toBe(join(root, name))
    }
  })

  test('names the runs that come near when there is none', () => {
    const root = temporaryDirectory()
    for (const name of ['digits-sgd-1', 'digits-sgd-2', 'digits-annealed-1', 'other']) {
      createRunDirectory(root, name, manifestOf(name))
    }
    expect(() => findRun(root, 'digits-sdg-1')).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        message: `there is no run "digits-sdg-1" in ${root}`,
        hint: 'did you mean digits-sgd-1, digits-sgd-2?',
      }) as Error,
    )
    expect(() => findRun(root, 'annealed')).toThrow(
      expect.objectContaining({ hint: 'did you mean digits-annealed-1?' }) as Error,
    )
    expect(() => findRun(root, 'zzzzzzzz')).toThrow(
      expect.objectContaining({ hint: 'see "absgd ls"' }) as Error,
    )
    expect(() => findRun(join(root, 'empty'), 'x')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('no runs here') as string }) as Error,
    )
  })

  test('does not take any directory for a run', () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'notes'))
    expect(() => findRun(root, 'notes')).toThrow('notes is no run: it has neither')
    expect(() => findRun(root, '..')).toThrow('is no run: it has neither')
  })
})

describe('the list of runs', () => {
  test('has the newest first, damaged ones too, and nothing else', () => {
    const root = temporaryDirectory()
    createRunDirectory(root, 'b-old', manifestOf('b-old', '2024-01-01T00:00:00Z'))
    createRunDirectory(root, 'a-new', manifestOf('a-new', '2024-03-01T00:00:00Z'))
    createRunDirectory(root, 'c-mid', manifestOf('c-mid', '2024-02-01T00:00:00Z'))
    writeFileSync(runPaths(createRunDirectory(root, 'damaged', manifestOf('damaged'))).manifest, '{')
    mkdirSync(join(root, 'notes'))
    mkdirSync(join(root, '.try.12345678'))
    writeFileSync(join(root, '.try.12345678', 'manifest.json'), '{}')
    writeFileSync(join(root, 'file'), '')
    expect(listRuns(root).map((dir) => basename(dir))).toEqual(['damaged', 'a-new', 'c-mid', 'b-old'])
    expect(listRuns(join(root, 'nowhere'))).toEqual([])
  })

  test('says by name that the root cannot be read', () => {
    const root = join(temporaryDirectory(), 'file')
    writeFileSync(root, '')
    expect(() => listRuns(root)).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        message: expect.stringContaining(`cannot read the runs in ${root}`) as string,
        hint: expect.stringContaining('--runs') as string,
      }) as Error,
    )
  })
})

describe('a manifest', () => {
  test('has the name of its directory, also once that was renamed', () => {
    const root = temporaryDirectory()
    renameSync(createRunDirectory(root, 'before', manifestOf('before')), join(root, 'after'))
    expect(readManifest(findRun(root, 'after'))).toEqual(manifestOf('after'))
    renameSync(join(root, 'after'), join(root, 'No name of a run'))
    expect(readManifest(join(root, 'No name of a run')).run).toBe('before')
  })

  test.each([
    ['missing', undefined, 'ENOENT'],
    ['no JSON', '{"format":1', 'it is no JSON'],
    [
      'of a newer format',
      JSON.stringify({ ...manifestOf('x'), format: 2 }),
      'format: is 2; this version reads format 1',
    ],
    ['without parameters', JSON.stringify({ ...manifestOf('x'), params: undefined }), 'params:'],
    ['of something else', '[]', 'the file:'],
    ['without a date', JSON.stringify({ ...manifestOf('x'), createdAt: 'soon' }), 'createdAt: is no date'],
  ])('that is %s is refused by name', (_, text, problem) => {
    const dir = temporaryDirectory()
    if (text !== undefined) writeFileSync(runPaths(dir).manifest, text)
    expect(() => readManifest(dir)).toThrow(
      expect.objectContaining({
        code: 'run-directory',
        message: expect.stringContaining(problem) as string,
      }) as Error,
    )
  })
})

describe('the runs root', () => {
  const before = process.env['ABSGD_RUNS']
  afterEach(() => {
    if (before === undefined) delete process.env['ABSGD_RUNS']
    else process.env['ABSGD_RUNS'] = before
  })

  test('is the flag, else the environment’s, else ./runs', () => {
    process.env['ABSGD_RUNS'] = '/from/environment'
    expect(runsRoot('/from/flag')).toBe('/from/flag')
    expect(runsRoot()).toBe('/from/environment')
    process.env['ABSGD_RUNS'] = ''
    expect(runsRoot()).toBe(resolve('runs'))
  })
})

describe('controller.json', () => {
  const file = {
    pid: 7,
    bootId: 'b',
    endpoints: { control: 'ipc:///a', telemetry: 'ipc:///b' },
    startedAt: '2026-01-01T00:00:00Z',
    workerPid: 8,
  }

  test('is read as it was written, by its owner alone, and can be replaced and removed', () => {
    const dir = temporaryDirectory()
    const path = runPaths(dir).controller
    expect(readControllerFile(dir)).toBeUndefined()
    writeControllerFile(dir, file)
    writeControllerFile(dir, { ...file, pid: 9 })
    expect(readControllerFile(dir)).toEqual({ ...file, pid: 9 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(dir)).toEqual(['controller.json'])
    removeControllerFile(dir)
    removeControllerFile(dir)
    expect(existsSync(path)).toBe(false)
  })

  test('that is damaged is none', () => {
    const dir = temporaryDirectory()
    writeControllerFile(dir, file)
    const { controller } = runPaths(dir)
    writeFileSync(controller, readFileSync(controller).subarray(0, 20))
    expect(readControllerFile(dir)).toBeUndefined()
    rmSync(controller)
    writeFileSync(controller, '{"pid":"7"}')
    expect(readControllerFile(dir)).toBeUndefined()
  })
})
