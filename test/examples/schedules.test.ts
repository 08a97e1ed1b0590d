import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { compileRun } from '../../src/experiment/run-schedule.js'
import { previewRun } from '../../src/experiment/preview.js'
import { resolveExperiment } from '../../src/experiment/resolve-experiment.js'
import * as absgd from '../../src/index.js'
import { parseEdit } from '../../src/experiment/controls/parse-edit.js'
import { planLines } from '../../src/ui/lines/plan.js'

const pageOf = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')
const page = pageOf('schedules.md')
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

function resolved(snippet: string) {
  return resolveExperiment(
    absgd.defineExperiment({
      name: 'snippet',
      worker: { task: 'some_module:build' },
      length: absgd.epochs(30),
      controls: controlsOf(snippet),
    }),
  )
}

describe('every snippet of docs/schedules.md', () => {
  test.each(fences('ts'))('%s', (snippet) => {
    const { rows, runSteps } = compileRun(resolved(snippet), { stepsPerEpoch: 20 })
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

describe('every picture of docs/schedules.md is what absgd plan draws of the snippet above it', () => {
  const pairs = [...page.matchAll(/^```ts\n([^`]*)^```\n\n```plan\n([^`]*)^```/gm)]

  test('and there are as many as there are pictures', () => {
    expect(pairs).toHaveLength(fences('plan').length)
    expect(pairs.length).toBeGreaterThan(10)
  })

  test.each(pairs.map(([, snippet, picture]) => [snippet!, picture!]))('%s', (snippet, picture) => {
    const settings = { experiment: 'snippet', params: {}, evaluate: '', checkpoint: '' }
    const drawn = planLines(settings, previewRun(resolved(snippet))).join('\n')
    expect(drawn.split('\n\n')[1]).toBe(picture.trimEnd())
  })
})

test('every measured row of docs/schedules.md is one of docs/results.md', () => {
  const measured = page.split('\n').filter((line) => line.startsWith('|') && line.includes('±'))
  expect(measured.length).toBeGreaterThan(2)
  const results = pageOf('results.md').split('\n')
  for (const row of measured) expect(results).toContain(row)
})
