import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFifo } from '../../src/utils/fifo.js'

test('a fifo behaves like an array that is pushed, shifted and cleared', () => {
  const operation = fc.oneof(
    { weight: 6, arbitrary: fc.constant('push') },
    { weight: 5, arbitrary: fc.constant('shift') },
    { weight: 1, arbitrary: fc.constant('clear') },
  )
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
      const fifo = createFifo<number>()
      const model: number[] = []
      for (const [i, name] of operations.entries()) {
        if (name === 'push') {
          fifo.push(i)
          model.push(i)
        } else if (name === 'shift') expect(fifo.shift()).toBe(model.shift())
        else {
          fifo.clear()
          model.length = 0
        }
        expect(fifo.size).toBe(model.length)
      }
    }),
  )
})
