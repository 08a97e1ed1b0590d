import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AbsgdError } from '../../src/errors.js'
import { describeConfig } from '../../src/experiment/manifest-config.js'
import { loadExperiment } from '../../src/experiment/files/load-experiment.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { fixture } from './helper.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'absgd-load-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

async function refusal(file: string): Promise<AbsgdError> {
  const error: unknown = await loadExperiment(file).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(AbsgdError)
  expect(error).toMatchObject({ code: 'experiment' })
  return error as AbsgdError
}

describe('an experiment file', () => {
  test('in TypeScript is loaded, with what it imports', async () => {
    const experiment = await loadExperiment(fixture('good.ts'))
    expect(experiment.file).toBe(fixture('good.ts'))
    const config = describeConfig(resolveExperiment(experiment, { arm: 'annealed', params: { lr: '0.1' } }))
    expect(config).toMatchObject({
      task: `${fixture('task.py')}:build`,
      length: '60 epochs',
      controls: {
        lambda: 'off for 5 epochs, then exponential -5 → -0.5 over 10 epochs',
        lr: 'cosine 0.1 → 0 over 60 epochs',
      },
    })
  })

  test('in JavaScript is loaded too', async () => {
    expect(resolveExperiment(await loadExperiment(fixture('plain.js'))).name).toBe('plain')
  })

  test('in a folder with nothing installed finds this package and its zod, and nothing is written there', async () => {
    for (const name of ['good.ts', 'length.ts', 'task.py']) copyFileSync(fixture(name), join(folder, name))
    mkdirSync(join(folder, 'node_modules'))
    const before = readdirSync(folder, { recursive: true })
    const experiment = await loadExperiment(join(folder, 'good.ts'))
    expect(resolveExperiment(experiment, { params: { seed: '4' } }).params).toEqual({ seed: 4, lr: 0.05 })
    expect(readdirSync(folder, { recursive: true })).toEqual(before)
  })
})

describe('refused is', () => {
  test('a file that does not exist, and a folder', async () => {
    expect((await refusal(fixture('nowhere.ts'))).message).toBe(`there is no file ${fixture('nowhere.ts')}`)
    expect((await refusal(fixture('.'))).message).toMatch(/there is no file/)
  })

  test('a file of another kind', async () => {
    const { message, hint } = await refusal(fixture('task.py'))
    expect(message).toMatch(/task\.py is no experiment file/)
    expect(hint).toMatch(/\.ts, \.mts, \.js, \.mjs/)
  })

  test('a file that does not parse, with the line', async () => {
    const file = join(folder, 'syntax-error.ts')
    writeFileSync(file, "export default {\n  name: 'broken',\n  length: ,\n}\n")
    const { message, hint } = await refusal(file)
    expect(message).toBe(`${file}:3 does not parse: Unexpected token`)
    expect(hint).toBe('3 |   length: ,')
  })

  test('a file that throws, with its words and where', async () => {
    const { message, hint } = await refusal(fixture('throws.ts'))
    expect(message).toBe('throws.ts threw while it was loaded: TypeError: no such table')
    expect(hint).toMatch(/learningRate .*throws\.ts:2:\d+/)
    expect(hint).not.toMatch(/node_modules/)
  })

  test('a file that throws, again when it is loaded again', async () => {
    await refusal(fixture('throws.ts'))
    expect((await refusal(fixture('throws.ts'))).message).toMatch(/no such table/)
  })

  test('a file that gives a schedule a wrong value, with the place', async () => {
    const { message, hint } = await refusal(fixture('out-of-range.ts'))
    expect(message).toBe('out-of-range.ts: constant(NaN) is no schedule')
    expect(hint).toMatch(/takes any number but NaN\n.*out-of-range\.ts:3/s)
  })

  test('a file that imports what does not exist', async () => {
    expect((await refusal(fixture('missing-import.ts'))).message).toMatch(
      /Cannot find module '\.\/nowhere\.js'$/,
    )
  })

  test('a file without a default export', async () => {
    const { message, hint } = await refusal(fixture('no-default.ts'))
    expect(message).toMatch(/no-default\.ts has no default export/)
    expect(hint).toMatch(/export default defineExperiment/)
  })

  test('a default export that is no experiment', async () => {
    const { message, hint } = await refusal(fixture('not-an-experiment.ts'))
    expect(message).toMatch(/the default export of .*not-an-experiment\.ts is no experiment/)
    expect(hint).toMatch(/defineExperiment/)
  })
})
