/**
 * The terminal while the cockpit has it: alternate screen, hidden cursor, no line wrap, and all of it undone on every way out.
 *
 * Frames are written row by row at absolute places, and only rows that changed: ink's own writing moves the cursor relatively
 * and clears screen and scrollback once a frame is as tall as the terminal.
 */
import { Writable } from 'node:stream'
import type { Size } from './size.js'

/** The part of a terminal's stream that is used. */
export interface TerminalStream {
  readonly columns: number
  readonly rows: number
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

export interface Screen {
  /** What ink draws to, with `debug` on: each write is one whole frame. */
  readonly stream: NodeJS.WriteStream
  size(): Size
  /** Whether frames are seen. */
  isShown(): boolean
  /** Takes the terminal: the next frame is drawn whole. Nothing is written before. */
  enter(): void
  /** Gives the terminal back as it was. May be called twice, or never have been entered. */
  leave(): void
  /** Writes no more, and leaves the terminal as it is: it is another program's. */
  abandon(): void
}

/** @param resized - called once the terminal has another size and is blank. */
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
      // Erased first: behind a full row the cursor stands on its last character.
      changes += `${placeOf(i)}${RESET}${ERASE_LINE}${rows[i] ?? ''}`
    }
    shown = rows
    if (changes !== '') terminal.write(BEGIN_FRAME + changes + END_FRAME)
  }

  const onResize = () => {
    shown = []
    // Line by line: not every terminal cuts what no longer fits.
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
 * Keeps what is written to `stream` until the function returned is called: it would land in the middle of a frame. What libraries
 * and Node have to say is printed afterwards.
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
/** DEC 2026: a terminal that knows it shows a frame at once. */
const BEGIN_FRAME = '\x1b[?2026h'
const END_FRAME = '\x1b[?2026l'
/** Alternate screen, blank, no cursor, no wrap at the right edge. */
const ENTER = `\x1b[?1049h\x1b[2J${HOME}\x1b[?25l\x1b[?7l`
const LEAVE = `${RESET}\x1b[?7h\x1b[?25h\x1b[?1049l`
const FALLBACK: Size = { columns: 80, rows: 24 }
