/**
 * The terminal while the cockpit uses it: alternate screen, hidden cursor, no line wrap. Leaving restores all of it.
 *
 * Only rows that changed are written, each at an absolute position. Ink itself moves the cursor relatively, and clears screen and
 * scrollback when a frame is as tall as the terminal.
 */
import { Writable } from 'node:stream'
import type { Size } from './size.js'

/** The used part of an output stream of a terminal. */
export interface TerminalStream {
  readonly columns: number
  readonly rows: number
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

export interface Screen {
  /** The stream that ink writes to. With `debug`, each write is one whole frame. */
  readonly stream: NodeJS.WriteStream
  size(): Size
  /** Whether frames are written to the terminal. */
  isShown(): boolean
  /** Starts to write to the terminal; the next frame is drawn completely. Nothing is written before. */
  enter(): void
  /** Restores the terminal. Does nothing if `enter` was not called, or when called again. */
  leave(): void
  /** Stops writing without restoring the terminal, because another program uses it now. */
  abandon(): void
}

/** @param resized - called after the terminal changed its size and was cleared */
export function createScreen(terminal: TerminalStream, resized: () => void): Screen {
  let shown: readonly string[] = []
  let isEntered = false
  const size = (): Size => ({
    columns: terminal.columns || FALLBACK.columns,
    rows: terminal.rows || FALLBACK.rows,
  })

  function show(frame: string): void {
    if (!isEntered) return
    const rows = frame.split('\n').slice(0, size().rows)
    let changes = ''
    for (let i = 0; i < Math.max(rows.length, shown.length); i += 1) {
      if (rows[i] === shown[i]) continue
      // The row is erased first: after writing a full row the cursor is still on its last character.
      changes += `${placeOf(i)}${RESET}${ERASE_LINE}${rows[i] ?? ''}`
    }
    shown = rows
    if (changes !== '') terminal.write(BEGIN_FRAME + changes + END_FRAME)
  }

  const onResize = () => {
    shown = []
    // Cleared line by line: not every terminal cuts lines that no longer fit.
    terminal.write(HOME + ERASE_BELOW)
    resized()
  }

  function abandon(): void {
    isEntered = false
    terminal.off('resize', onResize)
  }

  const writable = new Writable({
    decodeStrings: false,
    write(frame: string, _encoding, done) {
      show(frame)
      done()
    },
  })
  const measured = Object.defineProperty(writable, 'columns', { get: () => size().columns })
  const stream: unknown = measured
  return {
    stream: stream as NodeJS.WriteStream,
    size,
    isShown: () => isEntered,
    enter() {
      if (isEntered) return
      isEntered = true
      shown = []
      terminal.on('resize', onResize)
      terminal.write(ENTER)
    },
    leave() {
      if (!isEntered) return
      abandon()
      terminal.write(LEAVE)
    },
    abandon,
  }
}

/**
 * Collects what is written to `stream`, such as warnings of Node and libraries, until the returned function is called, which prints
 * it. Otherwise it would appear in the middle of a frame.
 */
export function holdBack(stream: NodeJS.WriteStream): () => void {
  const write = stream.write.bind(stream)
  const held: (string | Uint8Array)[] = []
  stream.write = (chunk: string | Uint8Array) => {
    held.push(chunk)
    return true
  }
  return () => {
    stream.write = write
    for (const chunk of held.splice(0)) write(chunk)
  }
}

function placeOf(row: number): string {
  return `\x1b[${row + 1};1H`
}

const HOME = '\x1b[H'
const ERASE_BELOW = '\x1b[J'
const ERASE_LINE = '\x1b[2K'
const RESET = '\x1b[0m'
/** DEC mode 2026, synchronized output: a terminal that supports it shows a frame all at once. */
const BEGIN_FRAME = '\x1b[?2026h'
const END_FRAME = '\x1b[?2026l'
/** Alternate screen, cleared, no cursor, no wrap at the right edge. */
const ENTER = `\x1b[?1049h\x1b[2J${HOME}\x1b[?25l\x1b[?7l`
const LEAVE = `${RESET}\x1b[?7h\x1b[?25h\x1b[?1049l`
const FALLBACK: Size = { columns: 80, rows: 24 }
