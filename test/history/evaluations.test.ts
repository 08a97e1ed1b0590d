import { describe, expect, test } from 'vitest'
import { metricsOf, toEvaluationPoint } from '../../src/history/evaluations.js'
import { evaluation } from '../helpers/records.js'

/** Classes 0, 1 and 2 with 4, 2 and 0 samples; 3 and 1 of them found. */
const confusion = { classes: 3, counts: Uint32Array.of(3, 1, 0, 0, 1, 1, 0, 0, 0) }

describe('a confusion matrix', () => {
  test('gives accuracy, and mean and minimum over the classes that have samples', () => {
    expect(metricsOf(evaluation(9, {}, { confusion }))).toEqual({
      'val.accuracy': 4 / 6,
      'val.balanced_accuracy': (3 / 4 + 1 / 2) / 2,
      'val.worst_class_accuracy': 1 / 2,
    })
  })

  test('gives the accuracy of each class, which a class without samples has not', () => {
    expect([...toEvaluationPoint(evaluation(9, {}, { confusion })).classAccuracy!]).toEqual([0.75, 0.5, NaN])
  })

  test('never overrules what the task measured itself', () => {
    const metrics = metricsOf(evaluation(9, { accuracy: 0.7, loss: 1 }, { confusion }))
    expect(metrics).toMatchObject({ 'val.accuracy': 0.7, 'val.loss': 1, 'val.worst_class_accuracy': 0.5 })
  })

  test('without a sample gives nothing', () => {
    const empty = { classes: 2, counts: new Uint32Array(4) }
    expect(metricsOf(evaluation(9, { loss: 1 }, { confusion: empty }))).toEqual({ 'val.loss': 1 })
  })
})
