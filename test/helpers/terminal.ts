/** The built command line in a real pseudo-terminal, with a terminal emulator that shows what it draws. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pty from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { onTestFinished } from 'vitest'
import { PYTHON } from './python.js'

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  /** Over this process's own; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface TestTerminal {
  /** The text on the screen, without trailing spaces. */
  screen(): string[]
  /** Resolves once the screen holds what is looked for; rejects when the command ends before that. */
  until(pattern: RegExp): Promise<void>
  type(keys: string): void
  resize(columns: number, rows: number): void
  kill(signal: string): void
  /** Resolves with the exit code once everything that was written is on the screen. */
  readonly exited: Promise<number>
  /** Everything that was written. */
  bytes(): string
  /** Whether the alternate screen is shown. */
  isAlternate(): boolean
}

export function absgdInTerminal(args: readonly string[], options: TerminalOptions = {}): TestTerminal {
  return inTerminal([MAIN, ...args], options)
}

/** Node with these arguments. */
export function inTerminal(args: readonly string[], options: TerminalOptions = {}): TestTerminal {
  return programInTerminal(process.execPath, args, options)
}

/** A shell that somebody types at, with job control. `absgd` is the built command line. */
export function shellInTerminal(options: TerminalOptions = {}): TestTerminal {
  const shell = programInTerminal('bash', ['--norc', '--noprofile', '-i'], {
    ...options,
    env: { PS1: 'PROMPT> ', HISTFILE: '/dev/null', ...options.env },
  })
  shell.type(`alias absgd='${process.execPath} ${MAIN}'\r`)
  return shell
}

function programInTerminal(
  program: string,
  args: readonly string[],
  { columns = 80, rows = 24, env = {} }: TerminalOptions,
): TestTerminal {
  const emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  const settings = { ...process.env, ABSGD_PYTHON: PYTHON, OMP_NUM_THREADS: '1', CI: undefined, ...env }
  const child = pty.spawn(program, [...args], {
    name: 'xterm-256color',
    cols: columns,
    rows,
    cwd: ROOT,
    env: Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)),
  })
  let bytes = ''
  let over = false
  const waiting = new Set<() => void>()
  const look = () => {
    for (const check of [...waiting]) check()
  }
  child.onData((data) => {
    bytes += data
    emulator.write(data, look)
  })
  const exited = new Promise<number>((resolve) => {
    child.onExit(({ exitCode }) => {
      over = true
      // Behind everything that was written before.
      emulator.write('', () => {
        look()
        resolve(exitCode)
      })
    })
  })
  onTestFinished(() => {
    if (!over) child.kill('SIGKILL')
  })

  const screen = () =>
    Array.from({ length: emulator.rows }, (_, row) => {
      const { baseY } = emulator.buffer.active
      return emulator.buffer.active.getLine(baseY + row)?.translateToString(true) ?? ''
    })
  return {
    screen,
    until(pattern) {
      return new Promise((resolve, reject) => {
        const give = (why: string) => {
          waiting.delete(check)
          reject(new Error(`${why} ${String(pattern)}:\n${screen().join('\n')}`))
        }
        const timer = setTimeout(give, LOOK_LIMIT_MS, 'after a minute there is no')
        const check = () => {
          const found = pattern.test(screen().join('\n'))
          if (!found && !over) return
          clearTimeout(timer)
          waiting.delete(check)
          if (found) resolve()
          else give('the command ended without')
        }
        waiting.add(check)
        check()
      })
    },
    type: (keys) => child.write(keys),
    resize(toColumns, toRows) {
      emulator.resize(toColumns, toRows)
      child.resize(toColumns, toRows)
    },
    kill: (signal) => child.kill(signal),
    exited,
    bytes: () => bytes,
    isAlternate: () => emulator.buffer.active.type === 'alternate',
  }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'dist/cli/main.js')
const LOOK_LIMIT_MS = 60_000
