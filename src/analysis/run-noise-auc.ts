/** The AUC with which the mean loss of each sample separates wrong labels from right ones, over a whole run. */
import { readRun } from '../log/read-run.js'
import { noiseRanking } from '../samples/noise-auc.js'
import { emptySampleLosses, withSamples } from '../samples/sample-losses.js'

/** @returns `noise_auc`, 0 to 1; empty if the log of the run in `dir` has no true labels */
export async function summarizeSamples(dir: string): Promise<Readonly<Record<string, number>>> {
  if (!(await knowsTrueLabels(dir))) return {}
  let losses = emptySampleLosses()
  for await (const record of readRun(dir)) losses = withSamples(losses, record)
  const ranking = noiseRanking(losses)
  return ranking === undefined ? {} : { noise_auc: ranking.auc }
}

/** Samples are described before they are first reported, so that the beginning of a log of gigabytes is enough. */
async function knowsTrueLabels(dir: string): Promise<boolean> {
  for await (const { body } of readRun(dir, { streams: ['samples'] })) {
    if (body.type === 'sample-info' && body.trueLabels.length > 0) return true
    if (body.type === 'sample-batch') return false
  }
  return false
}
