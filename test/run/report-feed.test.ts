import { expect, test } from 'vitest'
import type { Evaluation } from '../../src/record/record.js'
import { createReportFeed } from '../../src/run/report-feed.js'
import { stepBatch } from '../helpers/controller.js'

const evaluation: Evaluation = {
  type: 'evaluation',
  attempt: 1,
  step: 9,
  split: 'val',
  metrics: { accuracy: 0.5 },
  seconds: 0,
}

async function read(
  reports: AsyncIterable<{ step: number; evaluation?: object }>,
): Promise<(number | object)[]> {
  const seen = []
  for await (const { step, evaluation: found } of reports) seen.push(found ?? step)
  return seen
}

test('a reader gets every step from its subscription on, and the evaluation after its step', async () => {
  const feed = createReportFeed(() => 4)
  feed.push(stepBatch(0, 8))
  const reports = feed.subscribe()
  feed.push(stepBatch(8, 2))
  feed.push(evaluation)
  feed.end()
  expect(await read(reports)).toEqual([8, 9, { 'val.accuracy': 0.5 }])
})

test('a reader of every third step gets those, and every evaluation', async () => {
  const feed = createReportFeed(() => 4)
  const reports = feed.subscribe({ every: 3 })
  feed.push(stepBatch(0, 10))
  feed.push({ ...evaluation, step: 8 })
  feed.end()
  expect(await read(reports)).toEqual([0, 3, 6, 9, { 'val.accuracy': 0.5 }])
})

test('a slow reader of the latest gets only the newest report', async () => {
  const feed = createReportFeed(() => 4)
  const reports = feed.subscribe({ buffer: 'latest' })
  feed.push(stepBatch(0, 10))
  feed.end()
  expect(await read(reports)).toEqual([9])
})

test('a reader that leaves is removed, and the others continue', async () => {
  const feed = createReportFeed(() => 4)
  const stays = feed.subscribe()
  const leaves = feed.subscribe()
  feed.push(stepBatch(0, 2))
  for await (const { step } of leaves) {
    expect(step).toBe(0)
    break
  }
  feed.push(stepBatch(2, 1))
  feed.end()
  expect(await read(stays)).toEqual([0, 1, 2])
})

test('a subscription after the end is empty and ends at once', async () => {
  const feed = createReportFeed(() => 4)
  feed.end()
  expect(await read(feed.subscribe())).toEqual([])
})

test('a listener gets every report until it is removed', () => {
  const feed = createReportFeed(() => 4)
  const heard: number[] = []
  const stop = feed.listen(({ step }) => heard.push(step))
  feed.push(stepBatch(0, 2))
  expect([stop(), stop()]).toEqual([true, false])
  feed.push(stepBatch(2, 2))
  expect(heard).toEqual([0, 1])
})

test('a reader that falls behind misses no report while more arrive', async () => {
  const feed = createReportFeed(() => 4)
  const reports = feed.subscribe()[Symbol.asyncIterator]()
  const seen: number[] = []
  for (let first = 0; first < 40; first += 8) {
    feed.push(stepBatch(first, 8))
    for (let i = 0; i < 3; i++) seen.push(((await reports.next()).value as { step: number }).step)
  }
  feed.end()
  for (let next = await reports.next(); next.done !== true; next = await reports.next())
    seen.push(next.value.step)
  expect(seen).toEqual(Array.from({ length: 40 }, (_, step) => step))
})
