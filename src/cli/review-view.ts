/** The view of `absgd review --tui`: one sample a screen. Each decision is saved at once. */
import { closeSync, fsyncSync, openSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { Review } from '../review/read-review.js'
import { readImage } from '../review/read-image.js'
import { afterKey, beginReviewing } from '../review/reviewing.js'
import { reviewText } from '../review/write-review.js'
import { reviewScreen, type Preview } from '../ui/lines/review-sample.js'

/** The used part of a terminal. */
export interface ReviewTerminal {
  readonly write: (text: string) => void
  readonly size: () => { readonly columns: number; readonly rows: number }
  /** Keys as they are typed; ends with the input. */
  readonly keys: () => AsyncIterable<string>
}

/** Shows the samples until `q`, Ctrl-C or the end of the input. @param losses - The losses of a sample; none for a blind review. */
export async function viewReview(
  file: string,
  review: Review,
  losses: (index: number) => readonly number[],
  terminal: ReviewTerminal,
): Promise<void> {
  let state = beginReviewing(review.rows)
  const draw = () => {
    const { id, index } = state.rows[state.at]!
    const lines = reviewScreen(state, losses(index), previewOf(id, dirname(file)), terminal.size())
    terminal.write(`\u001B[H${lines.map((line) => `${line}\u001B[K`).join('\r\n')}\u001B[J`)
  }
  terminal.write('\u001B[?1049h\u001B[?25l')
  try {
    draw()
    for await (const typed of terminal.keys()) {
      const key = NAMES[typed] ?? typed
      if (key === 'ctrl-c' || (key === 'q' && state.typed === undefined)) return
      const next = afterKey(state, key)
      if (next.rows !== state.rows) saveText(file, reviewText(review, next.rows))
      state = next
      draw()
    }
  } finally {
    terminal.write('\u001B[?25h\u001B[?1049l')
  }
}

/** Replaces the file atomically. */
function saveText(file: string, text: string): void {
  const draft = `${file}.${process.pid}`
  const descriptor = openSync(draft, 'w', statSync(file).mode & 0o777)
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, file)
}

/** The beginning of the file that the id names, relative to the working directory or to the review. */
export function previewOf(id: string, folder: string): Preview {
  if (id === '') return { type: 'none' }
  for (const path of isAbsolute(id) ? [id] : [id, join(folder, id)]) {
    const bytes = beginningOf(path)
    if (bytes === undefined) continue
    const image = readImage(bytes)
    if (image !== undefined) return { type: 'image', ...image }
    const text = bytes.subarray(0, TEXT_BYTES).toString('utf8')
    return text.includes('\0') || text.slice(0, -4).includes('\uFFFD')
      ? { type: 'none' }
      : { type: 'text', lines: text.split(/\r?\n/) }
  }
  return { type: 'none' }
}

function beginningOf(path: string): Buffer | undefined {
  try {
    if (!statSync(path).isFile()) return undefined
    const descriptor = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(Math.min(MOST_BYTES, statSync(path).size))
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return undefined
  }
}

/** The terminal of this process; its keys one by one. */
export function processTerminal(): ReviewTerminal {
  const { stdin, stdout } = process
  return {
    write: (text) => stdout.write(text),
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    async *keys() {
      stdin.setRawMode(true)
      try {
        for await (const chunk of stdin) yield* String(chunk).match(/\u001B\[[0-9;]*[A-Za-z]|[^]/gu) ?? []
      } finally {
        stdin.setRawMode(false)
        stdin.pause()
      }
    },
  }
}

const NAMES: Readonly<Record<string, string>> = {
  '\u001B[D': 'left',
  '\u001B[C': 'right',
  '\u001B': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\u007F': 'backspace',
  '\b': 'backspace',
  '\u0003': 'ctrl-c',
}
const TEXT_BYTES = 4096
/** A larger image is not decoded. */
const MOST_BYTES = 16 * 1024 * 1024
