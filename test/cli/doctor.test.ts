import { expect, test } from 'vitest'
import { doctorCommand, formatFinding } from '../../src/cli/commands/doctor.js'
import { setupCommand } from '../../src/cli/commands/setup.js'

test('a finding is its mark, its subject and its detail', () => {
  expect(formatFinding({ status: 'ok', subject: 'Node', detail: '20.19.4' })).toBe('✓ Node     20.19.4')
})

test('a fault is followed by its remedy, and both are wrapped at 80 columns', () => {
  const detail = 'the interpreter of this environment does not start at all: '.repeat(3)
  const text = formatFinding({
    status: 'fault',
    subject: 'Python',
    detail: `${detail}\n  OSError: no such file`,
    remedy: `${detail}\n  npx absgd setup`,
  })
  const lines = text.split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(lines[0]).toMatch(/^✗ Python {3}the interpreter/)
  expect(text).toMatch(/\n {11}→ {2}the interpreter/)
  expect(text).toMatch(/\n {11,}OSError: no such file\n/)
  expect(text).toMatch(/npx absgd setup$/)
})

test('a command that is wrapped can be copied as it stands', () => {
  const command = `python -m pip install ${"'package>=1.0' ".repeat(6)}`.trim()
  const text = formatFinding({ status: 'fault', subject: 'Python', detail: 'x', remedy: `do:\n  ${command}` })
  const typed = text.split('do:')[1]!.replaceAll(/\\\n\s+/g, '')
  expect(typed.trim()).toBe(command)
})

test.each([setupCommand(), doctorCommand()])('the help of $_name fits 80 columns', (command) => {
  let help = ''
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 })
  command.outputHelp()
  expect(help).toContain('--python <path>')
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})
