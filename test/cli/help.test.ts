import { describe, expect, it } from 'vitest'
import { cli, cliProcess } from '../helpers/cli.js'

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  run: [
    '--arm',
    '--seeds',
    '--jobs',
    '--param',
    '--name',
    '--runs',
    '--ui',
    '--detach',
    '--python',
    '--threads',
    'Exit code',
  ],
  plan: [
    '--arm',
    '--param',
    '--steps-per-epoch',
    '--at',
    '--output <file>',
    '--steps <n>',
    '--runs',
    '--json',
  ],
  attach: ['--arm', '--param', '--name', '--runs', '--ui', 'exit codes'],
  watch: ['--runs', '--ui', 'Exit code'],
  ls: ['--runs', '--json'],
  show: ['--runs', '--json'],
  ab: ['--recipe', '--wrong', '--lambda', '--arm', '--seeds', '--metric', '--goal', '--matters', '--ui'],
  init: ['--recipe', '--wrong', '--write', '--force', '--python'],
  mirror: ['--to', '--project', '--python', '--runs'],
  compare: ['--metric', '--baseline', '--runs', '--json'],
  samples: ['--suspects', '--class', '--mix', '--runs', '--csv', '--json'],
  review: ['--tui', '--runs', '--json', 'relabel:X'],
  'what-if': ['lambda=-2', 'ess=0.6', 'kl=0.5', '--sign', '--steps', '--runs', '--json'],
  suggest: ['--wrong', '--steps', '--runs', '--json'],
  ledger: ['--runs', '--json'],
  resume: ['--runs', '--ui', '--detach', '--python', '--threads'],
  fork: ['--at <step>', '--set <edit>', '--why', '--name', '--runs', '--ui', '--detach', '--threads'],
  replay: ['--name', '--runs', '--python', '--threads', '--json'],
  pause: ['--runs', '--why', '--json'],
  checkpoint: ['--runs', '--why', '--json'],
  evaluate: ['--runs', '--why', '--json'],
  set: ['--no-checkpoint', '--runs', '--why', '--json'],
  undo: ['--runs', '--why', '--json'],
  stop: ['--no-checkpoint', '--runs', '--why', '--json'],
  step: ['-n <steps>', '--runs', '--why', '--json'],
  restore: ['--to <step>', '--runs', '--why', '--json'],
  setup: ['--python', '--demo', '--dev', '--install', '--offline', '--wheel'],
  doctor: ['--python'],
}

describe('help', () => {
  it('of the program names every command and none that people do not type', async () => {
    const { code, stdout } = await cliProcess(['--help'])
    expect(code).toBe(0)
    expect(wideLines(stdout)).toEqual([])
    const commands = [...stdout.matchAll(/^ {2}([a-z_-]+)(?: |$)/gm)].map(([, name]) => name)
    expect(commands.filter((name) => name !== 'help').sort()).toEqual(Object.keys(FLAGS).sort())
  })

  it.each(Object.entries(FLAGS))('of %s names its flags in 80 columns', async (command, flags) => {
    const { code, stdout, stderr } = await cli([command, '--help'], { env: { COLUMNS: '200' } })
    expect(code).toBe(0)
    expect(stderr).toBe('')
    expect(stdout).toContain(`Usage: absgd ${command}`)
    expect(flags.filter((flag) => !stdout.includes(flag))).toEqual([])
    expect(wideLines(stdout)).toEqual([])
    expect(stdout).not.toContain('{}')
  })

  it('is what the program says when it is given nothing to do', async () => {
    const { code, stdout, stderr } = await cli([])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('Usage: absgd')
  })
})

function wideLines(text: string): string[] {
  return text.split('\n').filter((line) => [...line].length > 80)
}
