import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readControllerFile } from '../../src/log/run-directory.js'
import { cli, makeFolder, namesIn, runArgs, until } from '../helpers/cli.js'
import { ended, evaluation, joined, started, steps } from '../helpers/records.js'
import { writeRun } from '../helpers/runs.js'
import { absgdInTerminal, inTerminal, type TestTerminal } from '../helpers/terminal.js'

const LIMIT_MS = 120_000
const runs = makeFolder()
const [LEFT, DOWN, ESCAPE, CTRL_C] = ['\x1b[D', '\x1b[B', '\x1b', '\x03']

afterAll(() => {
  for (const run of namesIn(runs)) {
    const { pid, workerPid } = readControllerFile(join(runs, run)) ?? {}
    for (const one of [pid, workerPid]) if (one !== undefined) killIfThere(one)
  }
  rmSync(runs, { recursive: true, force: true })
})

describe('the cockpit', () => {
  it(
    'shows a run while it trains, steers it, and gives the terminal back on every way out',
    async () => {
      const long = ['--param', 'pace=0.01', '--param', 'length=1000000', '--name', 'seen']
      const owner = absgdInTerminal(runArgs('tiny.ts', runs, ...long))
      await owner.until(/● training[^]*loss \d[^]*λ 2[^]*worker pid \d+/)
      // Metrics are there to be chosen once there was an evaluation. The keys that steer come with the controller's file.
      await owner.until(
        /\np pause {2}c checkpoint {2}s stop {2}q leave {2}Tab charts {2}(m metric {2})?x suspects {2}\? help$/,
      )
      owner.type('p')
      await owner.until(/‖ paused[^]*paused, after [\d,]+ steps/)
      owner.type('sn')
      await owner.until(/not asked: the run goes on/)
      owner.type('c')
      await owner.until(/done: checkpoint, after [\d,]+ steps/)
      owner.type('x')
      await owner.until(/── hardest samples, by mean loss, of \d+, AUC/)
      owner.type('x?')
      await owner.until(/── keys ─[^]*s +write a checkpoint and stop the run/)
      owner.type(ESCAPE)
      // A key right behind Esc would be one with Alt.
      await owner.until(/^(?![^]*── keys ─)[^]*ess ratio/)
      owner.type('q')
      expect(await owner.exited).toBe(0)
      expectWhole(owner)
      expect(owner.screen().join('\n')).toMatch(
        /seen trains on, after [\d,]+ of 1,000,000 steps\n +back to it: absgd watch seen --runs/,
      )

      const watcher = absgdInTerminal(['watch', '--runs', runs], { columns: 60, rows: 20 })
      await watcher.until(/‖ paused/)
      watcher.resize(40, 10)
      await watcher.until(/the terminal is too small/)
      watcher.resize(120, 40)
      await watcher.until(/── evaluation ─[^]*── worker ─/)
      watcher.type('p')
      await watcher.until(/● training/)
      watcher.type(CTRL_C)
      expect(await watcher.exited).toBe(0)
      expectWhole(watcher)

      for (const [signal, code] of [
        ['SIGTERM', 143],
        ['SIGHUP', 129],
      ] as const) {
        const killed = absgdInTerminal(['watch', 'seen', '--runs', runs])
        await killed.until(/● training/)
        killed.kill(signal)
        expect(await killed.exited).toBe(code)
        expectWhole(killed)
      }

      const bereft = absgdInTerminal(['watch', 'seen', '--runs', runs])
      await bereft.until(/● training/)
      process.kill(readControllerFile(join(runs, 'seen'))!.pid, 'SIGKILL')
      await bereft.until(/✗ controller gone[^]*absgd resume seen/)
      bereft.type('q')
      expect(await bereft.exited).toBe(75)
      expectWhole(bereft)

      const resumed = absgdInTerminal(['resume', 'seen', '--runs', runs, '--threads', '1'])
      await resumed.until(/● training/)
      resumed.type(CTRL_C)
      expect(await resumed.exited).toBe(130)
      expectWhole(resumed)
      expect(resumed.screen().join('\n')).toMatch(/seen interrupted after [^]*absgd resume seen --runs/)
    },
    LIMIT_MS,
  )

  it(
    'ends a run at once at the second Ctrl-C',
    async () => {
      const long = ['--param', 'pace=0.01', '--param', 'length=1000000', '--name', 'forced']
      const terminal = absgdInTerminal(runArgs('tiny.ts', runs, ...long))
      await terminal.until(/● training/)
      terminal.type(CTRL_C + CTRL_C)
      expect(await terminal.exited).toBe(130)
      expectWhole(terminal)
      await until(runs, 'forced', ({ status }) => status === 'interrupted')
    },
    LIMIT_MS,
  )

  it(
    'switches between finished runs, lists them, and fails for none that it merely shows',
    async () => {
      const whole = [started(), joined(), steps(0, 100), evaluation(99, { accuracy: 0.9 })]
      await writeRun(runs, [...whole, ended(100)], { run: 'done' })
      await writeRun(runs, [...whole, ended(40, { status: 'failed', reason: 'no luck' })], { run: 'other' })
      const terminal = absgdInTerminal(['watch', 'done', 'other', '--runs', runs], {
        env: { NO_COLOR: '1', LC_ALL: 'C' },
      })
      await terminal.until(/\+ completed[^]*completed after 100 steps/)
      terminal.type(DOWN)
      await terminal.until(/failed[^]*run 2 of 2[^]*failed after \d+ steps.*: no luck/)
      terminal.type('r')
      await terminal.until(/-- runs -[^]*done +100\/100[^]*> other/)
      terminal.type(`${LEFT}\r`)
      await terminal.until(/val\.accuracy[^]*completed after 100 steps/)
      expect(terminal.screen().join('')).toMatch(/^[ -~]*$/)
      expect(terminal.bytes()).not.toMatch(/\x1b\[(3[0-7]|9[0-7]|1|2)m/)
      terminal.type('\r')
      expect(await terminal.exited).toBe(0)
      expectWhole(terminal)
    },
    LIMIT_MS,
  )

  it('gives the terminal back when something goes wrong in it', async () => {
    const script = `
      import { openCockpit } from ${JSON.stringify(new URL('../../dist/ui/cockpit/open.js', import.meta.url).href)}
      const { default: manifest } = await import(${JSON.stringify(`file://${runs}/done/manifest.json`)}, { with: { type: 'json' } })
      const calm = { manifest, dir: '', isDriven: () => true, workerLines: () => [], ask: async () => {}, comeBack: '', resume: '' }
      const broken = process.env.BROKEN === 'later'
        ? async function* () { yield []; setTimeout(() => { throw new Error('a cable was cut') }); await new Promise(() => {}) }
        : async function* () { throw new Error('a cable was cut') }
      await openCockpit({ runs: [{ ...calm, records: broken }] })
    `
    for (const BROKEN of ['at once', 'later']) {
      const terminal = inTerminal(['--input-type=module', '-e', script], { env: { BROKEN } })
      expect(await terminal.exited).not.toBe(0)
      expectWhole(terminal)
      expect(terminal.screen().join('\n')).toContain('a cable was cut')
    }
  })

  it('leaves by itself once a run has ended that was interrupted before it opened', async () => {
    const script = `
      import { openCockpit } from ${JSON.stringify(new URL('../../dist/ui/cockpit/open.js', import.meta.url).href)}
      const { default: manifest } = await import(${JSON.stringify(`file://${runs}/done/manifest.json`)}, { with: { type: 'json' } })
      const over = { manifest, dir: '', isDriven: () => false, workerLines: () => [], ask: async () => {}, comeBack: '', resume: '' }
      const records = async function* (signal) { yield []; await new Promise((resolve) => signal.addEventListener('abort', resolve)) }
      await openCockpit({ runs: [{ ...over, records }], interrupt: () => {}, opened: () => 1 })
      console.log('back at the prompt')
      process.exit()
    `
    const terminal = inTerminal(['--input-type=module', '-e', script])
    expect(await terminal.exited).toBe(0)
    expectWhole(terminal)
    expect(terminal.screen().join('\n')).toContain('back at the prompt')
  })

  it('is refused where there is no terminal, before anything is begun', async () => {
    const folder = join(runs, 'none')
    for (const args of [runArgs('tiny.ts', folder, '--ui', 'cockpit'), ['watch', '--ui', 'cockpit']]) {
      const { code, stderr, stdout } = await cli(args)
      expect(code).toBe(2)
      expect(stdout).toBe('')
      expect(stderr).toContain('--ui cockpit needs a terminal')
    }
    expect(namesIn(folder)).toEqual([])
  })
})

/** The terminal as it was: normal screen, cursor, line wrap; and neither screen nor scrollback was ever cleared after the start. */
function expectWhole(terminal: TestTerminal): void {
  const bytes = terminal.bytes()
  expect(terminal.isAlternate()).toBe(false)
  for (const mode of ['1049', '25', '7']) {
    const last = [...bytes.matchAll(new RegExp(`\\x1b\\[\\?${mode}([hl])`, 'g'))].at(-1)?.[1]
    expect([mode, last]).toEqual([mode, mode === '1049' ? 'l' : 'h'])
  }
  const start = bytes.indexOf('\x1b[?25l')
  expect(bytes.slice(start)).not.toMatch(/\x1b\[[23]J/)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
