/** Which weighing of a step is the run's main one: its mean loss is `train.loss`, the same loss over the whole run. */
import type { StepBatch, Weighing } from '../../record/record.js'

/** Undefined where these steps have no loss of it: the generator's steps of a run whose main loss is the discriminator's. */
export function mainWeighing({ weighings, withoutMain }: StepBatch): Weighing | undefined {
  return withoutMain === true ? undefined : weighings[0]
}
