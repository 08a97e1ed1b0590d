import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { compileRun } from '../../src/experiment/compile.js'
import { resolveExperiment } from '../../src/experiment/resolve.js'
import * as absgd from '../../src/index.js'
import { parseEdit } from '../../src/operator/edit-text.js'

const page = readFileSync(join(import.meta.dirname, '../../docs/schedules.md'), 'utf8')
const fences = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, code]) => code!)

/** The controls of a snippet, as an experiment of 30 epochs has them. */
function controlsOf(snippet: string): absgd.Controls {
  const names = Object.keys(absgd)
  const { outputText } = ts.transpileModule(`made = { ${snippet} }`, {
    compilerOptions: { target: ts.ScriptTarget.ES2022 },
  })
  // The code is the project's own page.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval
  const make = new Function(...names, `let made; ${outputText}; return made`) as (...all: unknown[]) => {
    controls: absgd.Controls
  }
  return make(...Object.values(absgd)).controls
}

describe('every snippet of docs/schedules.md', () => {
  test.each(fences('ts'))('%s', (snippet) => {
    const experiment = absgd.defineExperiment({
      name: 'snippet',
      worker: { task: 'some_module:build' },
      length: absgd.epochs(30),
      controls: controlsOf(snippet),
    })
    const { rows, runSteps } = compileRun(resolveExperiment(experiment), { stepsPerEpoch: 20 })
    expect(runSteps).toBe(600)
    for (const values of Object.values(rows(0, runSteps))) {
      expect([1, runSteps]).toContain(values.length)
      expect(values.some(Number.isNaN)).toBe(false)
    }
  })

  test.each(fences('sh').flatMap((text) => text.trim().split('\n')))('%s', (line) => {
    const [, edit] = /^absgd set RUN '(.*)'$/.exec(line) ?? []
    expect(parseEdit(edit!)).toMatchObject({ to: { kind: 'schedule' } })
  })
})

test('docs/schedules.md has snippets of every schedule of the API', () => {
  const used = fences('ts').join('\n')
  for (const name of [
    ...['off', 'constant', 'linear', 'cosine', 'exponential', 'steps', 'piecewise', 'warmup', 'join'],
    ...['twoStage', 'scale', 'bound', 'targetEss', 'plateau', 'feedback'],
  ])
    expect([name, new RegExp(`\\b${name}\\(`).test(used)]).toEqual([name, true])
})
