/** What is typed, on its way to ink: it can be cut off, so that a cockpit in the background neither reads nor sets the terminal. */
import { PassThrough } from 'node:stream'

/** The part of a terminal's input that is used. */
export interface TerminalInput {
  setRawMode(raw: boolean): unknown
  on(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  off(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  pause(): unknown
  resume(): unknown
  destroy(): unknown
}

export interface Keyboard {
  /** What ink reads from. */
  readonly stream: NodeJS.ReadStream
  /** Takes the terminal's input, key by key. */
  open(): void
  /** Gives it back as it was. */
  close(): void
  /** Reads no more, and leaves the terminal as it is: it is another program's. */
  abandon(): void
  /** `abandon` for good. */
  destroy(): void
}

export function createKeyboard(terminal: TerminalInput): Keyboard {
  const typed = new PassThrough()
  let isOpen = false
  const pass = (chunk: Buffer | string) => typed.write(chunk)
  const stream: unknown = Object.assign(typed, {
    isTTY: true,
    // The terminal is set by `open` and `close` alone.
    setRawMode: () => typed,
    ref: () => typed,
    unref: () => typed,
  })

  function abandon(): void {
    if (!isOpen) return
    isOpen = false
    terminal.off('data', pass)
    terminal.pause()
  }

  return {
    stream: stream as NodeJS.ReadStream,
    open() {
      if (isOpen) return
      isOpen = true
      // Node sets a mode only where it is another one than the last it has set; the shell may have set one since.
      terminal.setRawMode(false)
      terminal.setRawMode(true)
      terminal.on('data', pass)
      terminal.resume()
    },
    close() {
      if (!isOpen) return
      abandon()
      terminal.setRawMode(false)
    },
    abandon,
    destroy() {
      abandon()
      // Node sets the modes back at its end, through the descriptor that was once set: in the background that stops the process.
      terminal.destroy()
    },
  }
}
