/** Passes the terminal's input to ink. It can be closed, so that a cockpit in the background neither reads from nor configures the terminal. */
import { PassThrough } from 'node:stream'

/** The used part of an input stream of a terminal. */
export interface TerminalInput {
  setRawMode(raw: boolean): unknown
  on(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  off(event: 'data', listener: (chunk: Buffer | string) => void): unknown
  pause(): unknown
  resume(): unknown
  destroy(): unknown
}

export interface Keyboard {
  /** The stream that ink reads. */
  readonly stream: NodeJS.ReadStream
  /** Starts to read the terminal's input, key by key. */
  open(): void
  /** Stops reading and restores the mode of the terminal. */
  close(): void
  /** Stops reading without changing the terminal, because another program uses it now. */
  abandon(): void
  /** Like `abandon`, for ever. */
  destroy(): void
}

export function createKeyboard(terminal: TerminalInput): Keyboard {
  const typed = new PassThrough()
  let isOpen = false
  const pass = (chunk: Buffer | string) => typed.write(chunk)
  const stream: unknown = Object.assign(typed, {
    isTTY: true,
    // Only `open` and `close` set the mode of the terminal.
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
      // Node skips setting a mode that it has set before, but the shell may have changed the mode since. So it is set twice.
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
      // At exit, Node restores the mode through the descriptor that it has set. In the background this would stop the process.
      terminal.destroy()
    },
  }
}
