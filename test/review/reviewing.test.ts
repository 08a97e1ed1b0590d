import { deflateSync } from 'node:zlib'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { previewOf, viewReview } from '../../src/cli/review-view.js'
import { readImage } from '../../src/review/read-image.js'
import { parseReview } from '../../src/review/read-review.js'
import { afterKey, beginReviewing } from '../../src/review/reviewing.js'
import { reviewText } from '../../src/review/write-review.js'
import { temporaryRoot } from '../helpers/runs.js'

const text = [
  'id;index;label;action;mean_loss',
  '"a;b.png";7;1;keep;"0,5"',
  'two.txt;3;2;;1',
  'three.txt;5;0;;2',
  '',
].join('\n')
const review = parseReview(text)
const press = (keys: readonly string[]) => keys.reduce(afterKey, beginReviewing(review.rows))
const actions = (keys: readonly string[]) => press(keys).rows.map(({ decision }) => decision.type)

describe('going through a review', () => {
  test('begins at the first open row, decides by keys, and takes back', () => {
    expect(press([]).at).toBe(1)
    expect(actions(['k', 'd'])).toEqual(['keep', 'keep', 'drop'])
    expect(actions(['k', 'd', 'u', 'u', 'u'])).toEqual(['keep', 'open', 'open'])
    expect(press(['k', 'd', 'u', 'u']).at).toBe(1)
    expect(press(['left', 'left', 'left']).at).toBe(0)
    expect(press(['right', 'right', 'right']).at).toBe(2)
    expect(press(['x', 'enter', '4'])).toEqual(press([]))
  })

  test('asks for the new label, in which letters decide nothing', () => {
    expect(press(['r', '1', '2', 'backspace', '0', 'enter']).rows[1]!.decision).toEqual({
      type: 'relabel',
      label: 10,
    })
    expect(actions(['r', '1', 'd', 'k', 'escape'])).toEqual(['keep', 'open', 'open'])
    expect(press(['r', 'enter']).typed).toBe('')
  })

  test('changes only the actions of the file', () => {
    expect(reviewText(review, press(['r', '4', 'enter', 'd']).rows)).toBe(
      text.replace('3;2;;', '3;2;relabel:4;').replace('5;0;;', '5;0;drop;').replace('"0,5"', '"0,5"'),
    )
  })
})

async function view(keys: readonly string[]) {
  const root = temporaryRoot()
  const file = join(root, 'review.csv')
  writeFileSync(file, text)
  writeFileSync(join(root, 'two.txt'), 'the beginning\u001B[31m of the text\nsecond line')
  const shown: string[] = []
  const saved: string[] = []
  await viewReview(file, review, (index) => (index === 3 ? [2.5, 1.5] : []), {
    write: (screen) => shown.push(screen),
    size: () => ({ columns: 80, rows: 24 }),
    async *keys() {
      for (const key of keys) {
        yield await Promise.resolve(key)
        saved.push(readFileSync(file, 'utf8'))
      }
    },
  })
  return { root, shown, saved, text: readFileSync(file, 'utf8') }
}

describe('the view', () => {
  test('shows the sample with its text and its losses, and gives the terminal back', async () => {
    const { shown } = await view(['q'])
    expect(shown[1]).toContain('sample 2 of 3, 1 reviewed')
    expect(shown[1]).toContain('losses      2.5 1.5')
    expect(shown[1]).toContain('the beginning')
    expect(shown[1]).not.toContain('\u001B[31m')
    expect(shown.at(-1)).toContain('\u001B[?1049l')
  })

  test('saves after each key, and leaves no other file', async () => {
    const { root, saved, text: last } = await view(['k', 'r', '2', '\r', 'u', 'q'])
    expect(saved[0]).toContain('two.txt;3;2;keep;1')
    expect(saved[3]).toContain('three.txt;5;0;relabel:2;2')
    expect(last).toContain('three.txt;5;0;;2')
    expect(readdirSync(root).sort()).toEqual(['review.csv', 'two.txt'])
  })

  test('asks for a label with those that are known', async () => {
    const { shown } = await view(['r', '2', '\u0003'])
    expect(shown[2]).toContain('labels: 0 1 2')
    expect(shown[3]).toContain('new label: 2')
  })
})

/** A PNG of rows that are filtered already, each with its filter first. */
function png(width: number, height: number, color: number, rows: readonly number[], palette?: number[]) {
  const chunk = (type: string, body: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length)
    return Buffer.concat([length, Buffer.from(type, 'latin1'), body, Buffer.alloc(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header.set([8, color, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    ...(palette === undefined ? [] : [chunk('PLTE', Buffer.from(palette))]),
    chunk('IDAT', deflateSync(Buffer.from(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

describe('images are read', () => {
  const grey = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, value, value]))

  test.each([
    ['without a filter', [0, 10, 20, 0, 30, 40], grey(10, 20, 30, 40)],
    ['by the left', [1, 10, 20, 1, 30, 40], grey(10, 30, 30, 70)],
    ['by the one above', [0, 10, 20, 2, 30, 40], grey(10, 20, 40, 60)],
    ['by the mean', [3, 10, 20, 3, 30, 40], grey(10, 25, 35, 70)],
    ['by Paeth', [4, 10, 20, 4, 30, 40], grey(10, 30, 40, 80)],
  ])('PNG %s', (_, rows, rgb) => {
    expect(readImage(png(2, 2, 0, rows))).toEqual({ width: 2, height: 2, rgb })
  })

  test('PNG with colours, a palette and opacity; PGM and PPM', () => {
    expect(readImage(png(1, 1, 2, [0, 1, 2, 3]))?.rgb).toEqual(Uint8Array.from([1, 2, 3]))
    expect(readImage(png(1, 1, 6, [0, 1, 2, 3, 255]))?.rgb).toEqual(Uint8Array.from([1, 2, 3]))
    expect(readImage(png(1, 1, 3, [0, 1], [9, 9, 9, 4, 5, 6]))?.rgb).toEqual(Uint8Array.from([4, 5, 6]))
    expect(readImage(Buffer.from('P5\n# a comment\n2 1\n255\nAB'))?.rgb).toEqual(grey(65, 66))
    expect(readImage(Buffer.from('P6 1 1 255\nABC'))?.rgb).toEqual(Uint8Array.from([65, 66, 67]))
  })

  test('others are not, nor damaged ones', () => {
    const whole = png(2, 2, 0, [0, 10, 20, 0, 30, 40])
    for (const bytes of [whole.subarray(0, 50), Buffer.from('P5 9 9 255\nA'), Buffer.from('GIF89a')])
      expect(readImage(bytes)).toBeUndefined()
  })

  test('and shown where the id is their path; other bytes are not shown', () => {
    const root = temporaryRoot()
    writeFileSync(join(root, 'a.png'), png(1, 1, 2, [0, 1, 2, 3]))
    writeFileSync(join(root, 'b.jpg'), Buffer.from([255, 216, 255, 0]))
    expect(previewOf('a.png', root)).toMatchObject({ type: 'image', width: 1 })
    expect(previewOf('b.jpg', root)).toEqual({ type: 'none' })
    expect(previewOf('missing', root)).toEqual({ type: 'none' })
    expect(previewOf('', root)).toEqual({ type: 'none' })
  })
})
