/** The shell's job control around a run: `&`, Ctrl-Z, `bg`, `fg`, `&&`. No Python is needed. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readControllerFile } from '../../src/log/run-directory.js'
import { readRunView } from '../../src/log/run-view.js'
import { fixturePath, makeFolder, namesIn, until } from '../helpers/cli.js'
import { ended, evaluation, joined, started, steps } from '../helpers/records.js'
import { writeRun } from '../helpers/runs.js'
import { absgdInTerminal, shellInTerminal, type TestTerminal } from '../helpers/terminal.js'

const LIMIT_MS = 240_000
const runs = makeFolder()
const [CTRL_Z, ALTERNATE] = ['\x1a', '\x1b[?1049h']

afterAll(async () => {
  for (const run of namesIn(runs)) {
    const pid = readControllerFile(join(runs, run))?.pid
    const { summary } = await readRunView(join(runs, run))
    if (pid !== undefined && summary.status === 'running') process.kill(pid, 'SIGKILL')
  }
  rmSync(runs, { recursive: true, force: true })
})

/** As it is typed, without the Enter. */
function simulated(name: string, ...more: readonly string[]): string {
  return [
    'absgd run',
    fixturePath('simulated.ts'),
    '--simulate',
    '--runs',
    runs,
    '--name',
    name,
    ...more,
  ].join(' ')
}

const endless = ['--param', 'length=1000000', '--pace', '100']

/** Types a line at the prompt, on a screen that holds nothing from before. */
function enter(shell: TestTerminal, line: string): void {
  shell.type(`clear; ${line}\r`)
}

async function stepsOf(run: string): Promise<number> {
  return (await readRunView(join(runs, run))).summary.steps
}

test(
  'a job that the shell starts in the background prints plain lines, and leaves the modes of the terminal to others',
  async () => {
    const shell = shellInTerminal({ columns: 160 })
    enter(shell, `${simulated('behind', ...endless)} &`)
    await shell.until(/steps +1,000,000/)
    await until(runs, 'behind', ({ steps }) => steps > 0)
    expect(shell.bytes()).not.toContain(ALTERNATE)
    // Another program has the terminal, in modes of its own, when the run ends. In these modes a
    // line starts at the column where the line before it ended: each word needs a line of its own.
    const say = (word: string) => String.raw`printf "\r\nis""${word}\r\n"`
    enter(shell, `stty raw -echo; ${say('raw')}; wait; stty -a; stty sane; ${say('sane')}`)
    await shell.until(/israw/)
    process.kill(readControllerFile(join(runs, 'behind'))!.pid, 'SIGINT')
    await shell.until(/issane/)
    expect(shell.bytes()).toContain('interrupted after')
    // Node would set them back to what they were when it started.
    for (const mode of ['-icanon', '-isig', '-opost']) expect(shell.bytes()).toContain(mode)
    shell.kill('SIGKILL')
  },
  LIMIT_MS,
)

test(
  'Ctrl-Z gives the terminal back while the run trains on; in the background the cockpit is quiet, and fg shows it again',
  async () => {
    const shell = shellInTerminal()
    enter(shell, simulated('jobs', ...endless))
    await shell.until(/● training/)
    expect(shell.isAlternate()).toBe(true)
    for (const inBackground of [false, true]) {
      shell.type(CTRL_Z)
      await shell.until(/Stopped[^]*PROMPT> $/m)
      expect(shell.isAlternate()).toBe(false)
      const before = await stepsOf('jobs')
      await until(runs, 'jobs', ({ steps }) => steps > before)
      if (inBackground) {
        enter(shell, 'bg')
        await shell.until(/\[1\]\+[^]*&/)
        // A job that read or set the terminal now would be stopped by that, or take the keys away.
        const after = await stepsOf('jobs')
        await until(runs, 'jobs', ({ steps }) => steps > after + 200)
        enter(shell, 'stty -a; jobs')
        await shell.until(/[^-]icanon[^]*Running/)
        expect(shell.isAlternate()).toBe(false)
      }
      enter(shell, 'fg')
      await shell.until(/● training[^]*ess ratio/)
      expect(shell.isAlternate()).toBe(true)
    }
    shell.type('q')
    await shell.until(/jobs trains on, after[^]*PROMPT>/)
    // One that ends in the background is over, and has printed what came of its run.
    enter(shell, `absgd watch jobs --runs ${runs}`)
    await shell.until(/● training/)
    shell.type(CTRL_Z)
    await shell.until(/Stopped[^]*PROMPT> $/m)
    enter(shell, 'bg')
    await shell.until(/\[1\]\+[^]*&/)
    enter(shell, 'kill -TERM %1; wait %1; echo code""$?')
    await shell.until(/jobs trains on, after[^]*code143/)
    enter(shell, 'stty -a')
    await shell.until(/[^-]icanon/)
    shell.kill('SIGKILL')
  },
  LIMIT_MS,
)

test(
  'a command waits for nobody at the end of its run: the next one begins; --stay keeps the cockpit',
  async () => {
    const shell = shellInTerminal({ columns: 160, rows: 50 })
    enter(shell, `${simulated('first')} && ${simulated('second', '--stay')}; echo code""$?`)
    // The first leaves by itself.
    await shell.until(/^second .*✓ completed[^]*q leaves/)
    shell.type('q')
    await shell.until(
      /first completed after[^]*final +train\.loss[^]*second completed after[^]*final +train\.loss[^]*code0/,
    )
    enter(shell, `${simulated('stopped', ...endless)}; echo code""$?`)
    await shell.until(/● training/)
    shell.type('s')
    await shell.until(/y stops it/)
    shell.type('y')
    await shell.until(/stopped stopped after[^]*code0/)
    shell.kill('SIGKILL')
  },
  LIMIT_MS,
)

test(
  'without a shell that could continue it, Ctrl-Z stops nothing',
  async () => {
    await writeRun(
      runs,
      [started(), joined(), steps(0, 100), evaluation(99, { accuracy: 0.9 }), ended(100)],
      {
        run: 'done',
      },
    )
    const terminal = absgdInTerminal(['watch', 'done', '--runs', runs])
    await terminal.until(/✓ completed/)
    terminal.type(CTRL_Z)
    terminal.type('?')
    await terminal.until(/── keys ─[^]*Ctrl-Z/)
    terminal.type('q')
    expect(await terminal.exited).toBe(0)
  },
  LIMIT_MS,
)
