// Records what users of the command line and of both packages see, so that two versions can be compared:
//
//   node scripts/public-behaviour.mjs -o before.json [--project DIR] [--real]
//   node scripts/public-behaviour.mjs --compare before.json after.json
//
// Recorded are exit codes, `--json`, names of commands and options in `--help`, and names and kinds of all exports. Not recorded is
// prose: help texts, messages, hints. The project must be built (`npm run build`). `--real` also trains a small task with PyTorch.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { recordBadInput } from './public-behaviour/bad-input.mjs'
import { createCommandLine } from './public-behaviour/command-line.mjs'
import { differences } from './public-behaviour/differences.mjs'
import { pythonExports, typescriptExports } from './public-behaviour/exports.mjs'
import { recordHelp } from './public-behaviour/help.mjs'
import { recordReal, recordSimulated } from './public-behaviour/runs.mjs'
import { root } from './project.mjs'

const { values: options, positionals } = parseArgs({
  options: {
    project: { type: 'string', default: root },
    output: { type: 'string', short: 'o' },
    real: { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})

if (options.compare && positionals.length === 2) compare(...positionals)
else if (!options.compare && options.output !== undefined && positionals.length === 0) await record(options)
else {
  console.error('usage: public-behaviour.mjs -o FILE [--project DIR] [--real] | --compare BEFORE AFTER')
  process.exitCode = 2
}

async function record({ output, project, real }) {
  const folder = mkdtempSync(join(tmpdir(), 'absgd-behaviour-'))
  const paths = { project: resolve(project), folder }
  const commandLine = createCommandLine(paths)
  try {
    const recorded = {
      exports: { typescript: await typescriptExports(paths), python: pythonExports(paths) },
      help: await recordHelp(commandLine),
      simulated: await recordSimulated(commandLine),
      badInput: await recordBadInput(commandLine),
      ...(real ? { real: await recordReal(commandLine) } : {}),
    }
    writeFileSync(output, `${JSON.stringify(recorded, null, 1)}\n`)
  } finally {
    commandLine.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

function compare(before, after) {
  const [a, b] = [before, after].map((file) => JSON.parse(readFileSync(file, 'utf8')))
  const found = differences(a, b)
  for (const line of found) console.log(line)
  console.log(found.length === 0 ? 'no difference' : `${found.length} differences`)
  process.exitCode = found.length === 0 ? 0 : 1
}
