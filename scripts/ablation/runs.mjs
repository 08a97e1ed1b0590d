// Runs of the ablation: trained by `absgd run`, which goes on where it was broken off, and compared by `absgd compare`.
import { join } from 'node:path'
import { capture, environment, must, root } from '../project.mjs'

const absgd = join(root, 'bin', 'absgd.js')

/** One run per arm and seed, called `PREFIX-ARM-seedN`; those that exist are not trained again. */
export function train({ experiment, prefix, arms, seeds, params, jobs }) {
  const options = ['--seeds', seeds.join(','), '--jobs', String(jobs), '--name', prefix, '--ui', 'plain']
  const given = params.flatMap((param) => ['--param', param])
  const line = ['run', experiment, '--arm', arms.join(','), ...options, '--threads', '1', ...given]
  // Threads of OpenMP that spin would take the cores of other runs.
  must(process.execPath, [absgd, ...line], { ...environment(), OMP_NUM_THREADS: '1' })
}

/**
 * Figures after the last step, by metric: one entry per arm, `{ name, mean, sd, difference }`. Differences are to the first arm,
 * paired by seed; null for that arm.
 */
export async function compare(runs) {
  const { code, output } = await capture(process.execPath, [absgd, 'compare', '--json', ...runs])
  if (code !== 0) throw new Error(output)
  const { metrics } = JSON.parse(output)
  return (wanted) => metrics.find(({ metric, at }) => metric === wanted && at === 'last')?.arms ?? []
}

export const runName = (prefix, arm, seed) => `${prefix}-${arm}-seed${seed}`

/** The whole numbers from the first to the last of `100-109`. */
export function seedsOf(text) {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? []
  if (first === undefined || Number(last) < Number(first))
    throw new Error(`seeds are two numbers, the first and the last, such as 100-109, not ${text}`)
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i)
}
