import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PYTHON } from '../helpers/python.js'
import { RUN_TYPESCRIPT } from '../helpers/typescript.js'

const ROOT = join(import.meta.dirname, '../..')
const FIELDS = { bench: 'string', name: 'string', value: 'number', unit: 'string' }

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function bench(...args: string[]): Promise<Ended> {
  const command = [...RUN_TYPESCRIPT, 'bench/main.ts', ...args]
  const env = { ...process.env, ABSGD_PYTHON: PYTHON, OMP_NUM_THREADS: '1' }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { cwd: ROOT, env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

describe('npm run bench', () => {
  test('prints a line of JSON a figure, with its budget, and a table beside', async () => {
    const { code, stdout, stderr } = await bench('--quick', 'summaries', 'ingest', 'gpu')
    expect(code).toBe(0)
    expect(stderr).toContain('compared with')
    const figures = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>)
    for (const figure of figures)
      for (const [field, type] of Object.entries(FIELDS))
        expect([field, typeof figure[field]]).toEqual([field, type])
    const budgetOf = (name: string) => figures.find((figure) => figure['name'] === name)?.['budget']
    expect(budgetOf('ls_cpu')).toEqual({ most: 0.5 })
    expect(budgetOf('steps_per_second_64')).toEqual({ least: 50_000 })
    expect(budgetOf('ratio_resnet32_eager')).toBeNull()
  })

  test('lists what there is, and refuses what there is not', async () => {
    const { stdout } = await bench('--list')
    const names = stdout.split('\n').map((text) => text.split(' ')[0])
    expect(names).toEqual(
      expect.arrayContaining(['step-overhead', 'weights', 'waits', 'memory', 'cockpit', 'disk']),
    )
    const refused = await bench('speed')
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('there is no benchmark "speed": --list says what there is')
  })
})
