import { expect, test } from 'vitest'
import { createAsyncQueue } from '../../src/utils/async-queue.js'

test('a mailbox hands over in order, to a reader that was there first or not', async () => {
  const mailbox = createAsyncQueue<number>()
  const items = mailbox.items()
  const first = items.next()
  await mailbox.put(1)
  await mailbox.put(2)
  await mailbox.put(3)
  expect(await first).toEqual({ value: 1, done: false })
  expect([await items.next(), await items.next()]).toEqual([
    { value: 2, done: false },
    { value: 3, done: false },
  ])
})

test('a full mailbox holds those who put until the reader has made room', async () => {
  const mailbox = createAsyncQueue<number>(2)
  const events: string[] = []
  const puts = [1, 2, 3, 4].map((item) =>
    mailbox.put(item).then(() => {
      events.push(`put ${item}`)
    }),
  )
  await turn()
  expect(events).toEqual(['put 1', 'put 2'])
  for await (const item of mailbox.items()) {
    events.push(`took ${item}`)
    await turn()
    if (item === 4) break
  }
  await Promise.all(puts)
  expect(events.indexOf('put 3')).toBeGreaterThan(events.indexOf('took 1'))
  expect(events.filter((event) => event.startsWith('took'))).toEqual(['took 1', 'took 2', 'took 3', 'took 4'])
})

test('closing ends the reading and lets go of those who wait to put', async () => {
  const mailbox = createAsyncQueue<number>(0)
  const put = mailbox.put(1)
  mailbox.close()
  await put
  await mailbox.put(2)
  expect(await mailbox.items().next()).toEqual({ value: undefined, done: true })
})

test('a failure reaches the reader', async () => {
  const mailbox = createAsyncQueue<number>()
  const reading = mailbox.items().next()
  mailbox.fail(new Error('the socket broke'))
  await expect(reading).rejects.toThrow('the socket broke')
})

test('a reader that leaves lets go of those who wait to put', async () => {
  const mailbox = createAsyncQueue<number>(0)
  const put = mailbox.put(1)
  for await (const item of mailbox.items()) {
    expect(item).toBe(1)
    void mailbox.put(2)
    break
  }
  await put
  await mailbox.put(3)
})

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
