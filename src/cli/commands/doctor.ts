/** `absgd doctor`: checks all that a run needs, one line for each check. */
import { Command } from 'commander'
import { doctor, type Finding } from '../../environment/doctor.js'

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check Node, sockets, disk, Python and torch, and say what to repair. Changes nothing.')
    .option('--python <path>', 'look at this interpreter or virtual environment alone')
    .action(async (options: { python?: string }) => {
      let faults = 0
      for await (const finding of doctor({ directory: process.cwd(), python: options.python })) {
        if (finding.status === 'fault') faults += 1
        process.stdout.write(`${formatFinding(finding)}\n`)
      }
      process.stdout.write(faults === 0 ? 'No problems.\n' : `${faults} to repair.\n`)
      if (faults > 0) process.exitCode = 1
    })
}

/** A finding as lines of at most 80 columns. Longer words, such as paths, are not broken. */
export function formatFinding({ status, subject, detail, remedy }: Finding): string {
  const [first = '', ...rest] = wrap(detail, WIDTH - INDENT)
  const lines = [`${MARKS[status]} ${subject.padEnd(INDENT - 2)}${first}`, ...rest.map(indent)]
  if (remedy !== undefined) {
    const [command = '', ...more] = wrap(remedy, WIDTH - INDENT - 3)
    lines.push(indent(`→  ${command}`), ...more.map((line) => indent(`   ${line}`)))
  }
  return lines.join('\n')
}

function indent(line: string): string {
  return `${' '.repeat(INDENT)}${line}`.trimEnd()
}

/** Breaks at spaces and keeps existing line breaks. An indented line is a command, which is continued after a "\\". */
function wrap(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const goesOn = line.startsWith('  ') ? ' \\' : ''
    const lines: string[] = []
    let current = ''
    for (const word of line.split(/(?<=\S)\s+/)) {
      if (current !== '' && current.length + 1 + word.length + goesOn.length > width) {
        lines.push(`${current}${goesOn}`)
        current = goesOn === '' ? word : `    ${word}`
      } else {
        current = current === '' ? word : `${current} ${word}`
      }
    }
    return [...lines, current]
  })
}

const MARKS: Readonly<Record<Finding['status'], string>> = { ok: '✓', note: '·', fault: '✗' }
const WIDTH = 80
/** Columns before the detail of a finding. */
const INDENT = 11
