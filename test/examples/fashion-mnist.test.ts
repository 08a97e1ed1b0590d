/** Whole runs of the example on random images in files of Fashion-MNIST's format. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import { launch, loadExperiment } from '../../src/index.js'
import { PYTHON, runsFolder } from '../integration/helpers.js'

const FILE = join(import.meta.dirname, '../../examples/fashion-mnist/experiment.ts')
const before = process.env['ABSGD_FASHION_MNIST']
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fashion-'))
  process.env['ABSGD_FASHION_MNIST'] = folder
  for (const [part, size] of [
    ['train', 600],
    ['t10k', 100],
  ] as const) {
    const pixels = Uint8Array.from({ length: size * 28 * 28 }, (_, i) => (i * 7919) % 256)
    writeIdx(
      `${part}-labels-idx1-ubyte`,
      [size],
      Uint8Array.from({ length: size }, (_, i) => i % 10),
    )
    writeIdx(`${part}-images-idx3-ubyte`, [size, 28, 28], pixels)
  }
})

afterAll(() => {
  if (before === undefined) delete process.env['ABSGD_FASHION_MNIST']
  else process.env['ABSGD_FASHION_MNIST'] = before
  rmSync(folder, { recursive: true, force: true })
})

test('resolves in every arm', async () => {
  const experiment = await loadExperiment(FILE)
  for (const arm of Object.keys(experiment.spec.arms))
    expect(resolveExperiment(experiment, { arm }).arm).toBe(arm)
})

test.each([
  { arm: 'annealed', noise: 0.2, imbalance: 1, metric: 'noise_auc' },
  { arm: 'gce-annealed', noise: 0.2, imbalance: 1, metric: 'noise_auc' },
  { arm: 'annealed-up', noise: 0, imbalance: 0.2, metric: 'test.balanced_accuracy' },
])(
  'trains some epochs of $arm and measures the worst class too',
  async ({ arm, noise, imbalance, metric }) => {
    const run = await launch(await loadExperiment(FILE), {
      arm,
      params: { epochs: 4, train: 200, validation: 50, noise, imbalance },
      runs: runsFolder(),
      python: PYTHON,
      threads: 1,
      handleSignals: false,
    })
    const { status, final } = await run.result
    expect(status).toBe('completed')
    expect(Object.keys(final)).toEqual(
      expect.arrayContaining(['val.accuracy', 'test.accuracy', 'test.worst_class_accuracy', metric]),
    )
  },
)

function writeIdx(name: string, sizes: readonly number[], values: Uint8Array): void {
  const head = Buffer.alloc(4 + 4 * sizes.length)
  head.set([0, 0, 8, sizes.length])
  sizes.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i))
  writeFileSync(join(folder, `${name}.gz`), gzipSync(Buffer.concat([head, values]), { level: 1 }))
}
