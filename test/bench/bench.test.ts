import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PYTHON } from '../integration/helpers.js'

const ROOT = join(import.meta.dirname, '../..')
const FIGURE = {
  bench: expect.any(String) as string,
  name: expect.any(String) as string,
  value: expect.any(Number) as number,
  unit: expect.any(String) as string,
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function bench(...args: string[]): Promise<Ended> {
  const command = ['--import', './bench/loader.mjs', 'bench/main.ts', ...args]
  const env = { ...process.env, ABSGD_PYTHON: PYTHON, OMP_NUM_THREADS: '1' }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { cwd: ROOT, env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    )
  })
}

describe('npm run bench', () => {
  test('prints a line of JSON a figure, with its budget, and a table beside', async () => {
    const { code, stdout, stderr } = await bench('--quick', 'report-cost', 'ingest')
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('compared with') })
    const figures = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as Record<string, unknown>)
    for (const figure of figures) expect(figure).toMatchObject(FIGURE)
    expect(figures).toContainEqual(expect.objectContaining({ name: 'cost', budget: { most: 25 } }))
    expect(figures).toContainEqual(
      expect.objectContaining({ name: 'steps_per_second_64', budget: { least: 50_000 } }),
    )
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
