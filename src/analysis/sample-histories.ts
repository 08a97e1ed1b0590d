/** The losses of some samples over a run. */
import { readRun } from '../log/read-run.js'
import { isVisible, type RewindPoint } from '../history/visible-steps.js'

/** The visible losses of each of these samples in the order of training, by index; only of the run's first weighing. */
export async function sampleHistories(
  dir: string,
  indices: Iterable<number>,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const losses = new Map<number, number[]>(Array.from(indices, (index) => [index, []]))
  const rewinds: RewindPoint[] = []
  let weighing: string | undefined
  for await (const { body } of readRun(dir, { streams: ['steps', 'samples'] })) {
    if (body.type === 'rewind')
      rewinds.push({ attempt: body.attempt, toStep: body.toStep, cause: body.cause })
    if (body.type !== 'sample-batch') continue
    for (const step of body.steps) {
      weighing ??= step.weighing
      if (step.weighing !== weighing || !isVisible(rewinds, body.attempt, step.step)) continue
      step.indices.forEach((index, i) => losses.get(index)?.push(step.losses[i]!))
    }
  }
  return losses
}
