import { expect, test } from 'vitest'
import type { Body } from '../../src/record/record.js'
import { createRecentSamples } from '../../src/samples/recent-samples.js'
import { UNKNOWN_LABEL } from '../../src/samples/sample-columns.js'
import { records, rewind, sampleInfo, samples } from '../helpers/records.js'

function recent(count: number, bodies: readonly Body[]) {
  const kept = createRecentSamples(count)
  for (const entry of records(bodies)) kept.add(entry)
  return kept
}

const stepsOf = (count: number, bodies: readonly Body[]) =>
  recent(count, bodies)
    .batches()
    .map(({ step, losses }) => [step, losses[0]])

const step = (number: number, loss = number, more: Parameters<typeof samples>[3] = {}) =>
  samples(number, [0], [loss], more)

test('the last steps are kept, and no more', () => {
  const all = Array.from({ length: 50 }, (_, i) => step(i))
  expect(stepsOf(3, all)).toEqual([
    [47, 47],
    [48, 48],
    [49, 49],
  ])
  expect(stepsOf(100, all)).toHaveLength(50)
  expect(stepsOf(3, [])).toEqual([])
})

test('what only a spool had comes to its place, late as it is', () => {
  expect(stepsOf(3, [step(1), step(4), step(3), step(2), step(0)])).toEqual([
    [2, 2],
    [3, 3],
    [4, 4],
  ])
})

test('what a rewind hides does not count, whenever it arrives', () => {
  const again = (number: number) => step(number, 10 + number, { attempt: 2 })
  const bodies = [rewind(2, 2), step(0), step(1), step(2), step(3), again(2), step(4)]
  expect(stepsOf(2, bodies)).toEqual([
    [1, 1],
    [2, 12],
  ])
})

test('what a run that is followed takes back is dropped, and makes no room for itself', () => {
  const again = (number: number) => step(number, 10 + number, { attempt: 2 })
  const before = [step(0), step(1), step(2), step(3), step(4), rewind(2, 2)]
  expect(stepsOf(4, before)).toEqual([[1, 1]])
  expect(stepsOf(4, [...before, again(2), again(3)])).toEqual([
    [1, 1],
    [2, 12],
    [3, 13],
  ])
})

test('of several weighings the first is kept', () => {
  const bodies = [step(0), step(0, 9, { weighing: 'other' }), step(1), step(1, 9, { weighing: 'other' })]
  expect(stepsOf(5, bodies)).toEqual([
    [0, 0],
    [1, 1],
  ])
  expect(recent(5, bodies).weighing()).toBe('loss')
  expect(recent(5, []).weighing()).toBeUndefined()
})

test('a step that weighs twice counts as one step with two batches', () => {
  expect(stepsOf(1, [step(0), step(1, 5), step(1, 6)])).toEqual([
    [1, 5],
    [1, 6],
  ])
})

test('labels are found by index, or travel with the samples', () => {
  const told = sampleInfo([7, 8], { trueLabels: [7, 9] })
  const [known] = recent(1, [told, samples(0, [1, 0, 5], [1, 2, 3])]).batches()
  expect([...known!.labels]).toEqual([8, 7, UNKNOWN_LABEL])
  expect([...known!.trueLabels]).toEqual([9, 7, UNKNOWN_LABEL])

  const bare = samples(0, [], [1, 2])
  const streamed = { ...bare, steps: bare.steps.map((one) => ({ ...one, labels: Uint32Array.of(3, 4) })) }
  const [travelling] = recent(1, [streamed]).batches()
  expect([...travelling!.labels]).toEqual([3, 4])
  expect([...travelling!.trueLabels]).toEqual([UNKNOWN_LABEL, UNKNOWN_LABEL])
  const [unlabelled] = recent(1, [bare]).batches()
  expect([...unlabelled!.labels]).toEqual([UNKNOWN_LABEL, UNKNOWN_LABEL])
})
