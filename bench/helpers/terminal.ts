/** A command in a pseudo-terminal, and a terminal emulator that shows what it draws. */
import { setTimeout as sleep } from 'node:timers/promises'
import pty from '@lydell/node-pty'
import xterm from '@xterm/headless'

export interface BenchTerminal {
  readonly pid: number
  /** Resolves with the seconds since the start once the screen holds the pattern; rejects when the command ends before. */
  until(pattern: RegExp): Promise<number>
  /** Everything that was written so far. */
  bytes(): string
  close(): Promise<void>
}

export function openTerminal(args: readonly string[], columns: number, rows: number): BenchTerminal {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const started = performance.now()
  const { CI: _ci, NO_COLOR: _noColour, ...env } = process.env
  const child = pty.spawn(process.execPath, [...args], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    env: env,
  })
  let written = ''
  let over = false
  child.onData((data) => {
    written += data
    emulator.write(data)
  })
  const exited = new Promise<void>((resolve) => {
    child.onExit(() => {
      over = true
      resolve()
    })
  })
  const screen = () =>
    Array.from({ length: rows }, (_, row) => {
      const { active } = emulator.buffer
      return active.getLine(active.baseY + row)?.translateToString(true) ?? ''
    }).join('\n')

  return {
    pid: child.pid,
    async until(pattern) {
      while (!pattern.test(screen())) {
        if (over) throw new Error(`the command ended without ${String(pattern)}:\n${screen()}`)
        await sleep(LOOK_MS)
      }
      return (performance.now() - started) / 1000
    },
    bytes: () => written,
    async close() {
      if (!over) child.kill('SIGTERM')
      await exited
    },
  }
}

const LOOK_MS = 5
