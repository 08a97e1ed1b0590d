/** The main weighing of a run: its mean loss is `train.loss`, which is the same loss over the whole run. */
import type { StepBatch, Weighing } from '../../record/record.js'

/** Undefined if these steps do not have the main loss, such as the generator's steps in a run whose main loss is the discriminator's. */
export function mainWeighing({ weighings, withoutMain }: StepBatch): Weighing | undefined {
  return withoutMain === true ? undefined : weighings[0]
}
