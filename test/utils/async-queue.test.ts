import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAsyncQueue } from '../../src/utils/async-queue.js'

test('a queue delivers in order, whether the reader or the item came first', async () => {
  const queue = createAsyncQueue<number>()
  const items = queue.items()
  const first = items.next()
  await queue.put(1)
  await queue.put(2)
  await queue.put(3)
  expect(await first).toEqual({ value: 1, done: false })
  expect([await items.next(), await items.next()]).toEqual([
    { value: 2, done: false },
    { value: 3, done: false },
  ])
})

test('a put into a full queue waits until the reader has made room', async () => {
  const queue = createAsyncQueue<number>(2)
  const events: string[] = []
  const puts = [1, 2, 3, 4].map((item) =>
    queue.put(item).then(() => {
      events.push(`put ${item}`)
    }),
  )
  await turn()
  expect(events).toEqual(['put 1', 'put 2'])
  for await (const item of queue.items()) {
    events.push(`read ${item}`)
    await turn()
    if (item === 4) break
  }
  await Promise.all(puts)
  expect(events.indexOf('put 3')).toBeGreaterThan(events.indexOf('read 1'))
  expect(events.filter((event) => event.startsWith('read'))).toEqual(['read 1', 'read 2', 'read 3', 'read 4'])
})

test('closing ends the iteration and resolves waiting puts', async () => {
  const queue = createAsyncQueue<number>(0)
  const put = queue.put(1)
  queue.close()
  await put
  await queue.put(2)
  expect(await queue.items().next()).toEqual({ value: undefined, done: true })
})

test('a failure reaches the reader', async () => {
  const queue = createAsyncQueue<number>()
  const reading = queue.items().next()
  queue.fail(new Error('the socket broke'))
  await expect(reading).rejects.toThrow('the socket broke')
})

test('a reader that leaves resolves waiting puts', async () => {
  const queue = createAsyncQueue<number>(0)
  const put = queue.put(1)
  for await (const item of queue.items()) {
    expect(item).toBe(1)
    void queue.put(2)
    break
  }
  await put
  await queue.put(3)
})

test('ending delivers the waiting items, and nothing that is put later', async () => {
  const queue = createAsyncQueue<number>()
  await queue.put(1)
  await queue.put(2)
  queue.end()
  await queue.put(3)
  const read: number[] = []
  for await (const item of queue.items()) read.push(item)
  expect(read).toEqual([1, 2])
})

test('clearing drops the waiting items and resolves waiting puts', async () => {
  const queue = createAsyncQueue<number>(1)
  const puts = [1, 2, 3].map((item) => queue.put(item))
  queue.clear()
  await Promise.all(puts)
  await queue.put(4)
  expect((await queue.items().next()).value).toBe(4)
})

test('a queue delivers every item in order, whatever the order of puts and reads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (isPut) => {
      const queue = createAsyncQueue<number>()
      const items = queue.items()
      const reads: Promise<IteratorResult<number, void>>[] = []
      let put = 0
      for (const next of isPut) {
        if (next) void queue.put(put++)
        else reads.push(items.next())
      }
      queue.end()
      const read = (await Promise.all(reads)).flatMap(({ value }) => value ?? [])
      for await (const item of items) read.push(item)
      expect(read).toEqual(Array.from({ length: put }, (_, i) => i))
    }),
  )
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
