/** Records of single samples. Losses are in units of the task's loss; indices are those of the training data. */

export interface StepSamples {
  readonly step: number
  readonly losses: Float32Array
  readonly weights: Float32Array
  /** Empty when the data has no index. */
  readonly indices: Uint32Array
  /** Only where there is no index. */
  readonly labels: Uint32Array
  readonly weighing: string
}

export interface SampleBatch {
  readonly type: 'sample-batch'
  readonly attempt: number
  readonly steps: readonly StepSamples[]
}

export interface SampleInfo {
  readonly type: 'sample-info'
  readonly firstIndex: number
  readonly count: number
  readonly labels: Uint32Array
  /** Empty unless an experiment knows them. */
  readonly trueLabels: Uint32Array
  readonly ids: readonly string[]
}

/** The model's predictions for some samples. Predictions of a later step replace all earlier ones. */
export interface SamplePredictions {
  readonly type: 'sample-predictions'
  readonly attempt: number
  /** The step after which the model predicted. */
  readonly step: number
  readonly firstIndex: number
  readonly count: number
  readonly labels: Uint32Array
  /** Probability that the model gives to the sample's label, in [0, 1] or NaN; empty when unknown. */
  readonly labelProbabilities: Float32Array
}
