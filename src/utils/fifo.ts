/** A first-in, first-out list. Unlike `Array.shift`, removing the first item takes constant time on average. */

export interface Fifo<T> {
  readonly size: number
  push(item: T): void
  /** Removes and returns the first item; undefined if the list is empty. */
  shift(): T | undefined
  clear(): void
}

export function createFifo<T>(): Fifo<T> {
  let items: T[] = []
  let head = 0
  return {
    get size() {
      return items.length - head
    },
    push(item) {
      items.push(item)
    },
    shift() {
      if (head === items.length) return undefined
      const item = items[head]
      head += 1
      // Removed items are dropped once they are more than half of the array.
      if (2 * head > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    clear() {
      items = []
      head = 0
    },
  }
}
