/** Measures the disk space of the history of samples. */
import { statSync } from 'node:fs'
import { runPaths } from '../src/log/run-paths.js'
import type { Bench, Figure, Settings } from './figure.js'
import { trainToEnd } from './helpers/runs.js'

export const disk: Bench = {
  name: 'disk',
  about: 'bytes of samples.log a step and sample, on a real run',
  async run(settings) {
    const length = settings.quick ? 256 : 4096
    return [
      { ...(await bytesPerSample(settings, length, 128)), budget: { most: 12.5 } },
      await bytesPerSample(settings, length, 32),
    ]
  },
}

/** Everything in the file counts, the labels of the 1,024 samples too. */
async function bytesPerSample(settings: Settings, length: number, batchSize: number): Promise<Figure> {
  const { dir } = await trainToEnd(settings, 'tiny.py', { batchSize }, { length, controls: { lambda: 2 } })
  const { size } = statSync(runPaths(dir).samples)
  return {
    name: `bytes_per_sample_${batchSize}`,
    what: `history of samples on disk, batch ${batchSize}, a step and sample`,
    value: size / (length * batchSize),
    unit: 'B',
  }
}
