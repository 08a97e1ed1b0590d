/** A checkpoint that the disk refuses, wherever it is asked for: everybody who shows the run says so. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exitCodeOf } from '../../../src/cli/exit-code.js'
import { initialRunState, withRecord } from '../../../src/ui/cockpit/feed/run-state.js'
import { driveRun } from '../../../src/run/drive.js'
import { every, steps, type Run } from '../../../src/index.js'
import { readManifest } from '../../../src/log/run-directory.js'
import { recordLine } from '../../../src/ui/lines/json.js'
import { pageLines } from '../../../src/ui/lines/page.js'
import { createPlainOutput } from '../../../src/ui/lines/plain.js'
import { prepareRun } from '../../../src/run/prepare.js'
import type { RunSummary } from '../../../src/history/summarize-run.js'
import { launchTiny, recordsOf, runsFolder, tiny } from '../helpers.js'

const spec = { length: 40, checkpoint: every(steps(10)), keepCheckpoints: 0 } as const

/** A folder that has the file's name, so that no file can take it. */
function obstruct(dir: string, step: number, ending = 'json'): void {
  mkdirSync(join(dir, 'checkpoints', `step-${String(step).padStart(9, '0')}.1.${ending}`, 'in the way'), {
    recursive: true,
  })
}

/** A simulated run that meets the obstacle at `step`. */
async function obstructed(step: number, ending?: string): Promise<Run> {
  const prepared = await prepareRun({
    experiment: tiny(spec),
    runs: runsFolder(),
    simulate: true,
    pace: 100,
  })
  obstruct(prepared.dir, step, ending)
  return driveRun(prepared, { handleSignals: false })
}

/** Pauses the run, and trains it to `step`. */
async function trainTo(run: Run, step: number): Promise<void> {
  for await (const _first of run.reports()) break
  const { appliedAt } = await run.pause()
  expect(appliedAt).toBeLessThan(step)
  const reports = run.reports()
  await run.step(step - appliedAt)
  for await (const report of reports) if (report.step === step - 1) return
}

interface Place {
  readonly where: string
  readonly step: number
  readonly ending?: string
  /** What is asked of the run while it stands at that step. */
  readonly ask?: (run: Run) => Promise<unknown>
  readonly status: RunSummary['status']
}

const places: readonly Place[] = [
  { where: 'the first', step: 10, status: 'completed' },
  { where: 'a periodic one', step: 20, status: 'completed' },
  { where: 'the last', step: 40, status: 'failed' },
  { where: "an operator's own", step: 25, ask: (run) => run.checkpoint(), status: 'completed' },
  { where: 'that of a stop', step: 25, ask: (run) => run.stop(), status: 'completed' },
  {
    where: 'an automatic one before an edit',
    step: 25,
    ending: 'auto.json',
    ask: (run) => run.set({ lambda: -3 }, { checkpoint: true }),
    status: 'completed',
  },
]

describe.each(places)('where $where is refused', ({ step, ending, ask, status }) => {
  test('plain lines, JSON, cockpit, show and the exit say so', async () => {
    const run = await obstructed(step, ending)
    if (ask !== undefined) {
      await trainTo(run, step)
      const asked = ask(run)
      // The edit is made all the same; what is a checkpoint alone is refused.
      if (ending === undefined) await expect(asked).rejects.toThrow('no checkpoint could be written')
      else await asked
      await run.resume()
    }
    const summary = await run.result
    const records = await recordsOf(run.dir)
    const manifest = readManifest(run.dir)
    const said = `no checkpoint after ${step} steps: no checkpoint could be written`

    expect(summary).toMatchObject({ status, steps: 40, lostSteps: 0 })
    expect(exitCodeOf(summary.status)).toBe(status === 'completed' ? 0 : 1)
    expect(summary.warnings.filter((text) => text.startsWith(said))).toHaveLength(1)
    const plain = createPlainOutput(manifest, run.dir)
    const lines = records.flatMap((record) => plain.linesOf(record))
    expect(joined(lines)).toContain(`warning: ${said}`)
    expect(joined(pageLines(summary))).toContain(said)
    expect(records.flatMap(recordLine).filter((line) => line.includes(said))).toHaveLength(1)
    const cockpit = records.reduce(withRecord, initialRunState(manifest))
    expect(
      cockpit.events.filter(({ tone, text }) => tone === 'warn' && joined([text]).includes(said)),
    ).toHaveLength(1)
    if (status === 'completed') return
    const end = joined(plain.end(summary))
    expect(end).toContain('all 40 steps trained, but the model is not saved: no checkpoint could be written')
    expect(end).toContain('then resume the run: it goes on from its last checkpoint')
    expect(summary.checkpoints.at(-1)?.step).toBe(30)
  })
})

test('a Python worker that cannot save its model fails the run, and says why', async () => {
  const run = await launchTiny(spec, { params: { pace: 0.01 } })
  for await (const _first of run.reports()) break
  obstruct(run.dir, 20, 'pt')
  obstruct(run.dir, 40, 'pt')
  const summary = await run.result
  expect(summary.status).toBe('failed')
  expect(summary.reason).toContain('all 40 steps trained, but the model is not saved')
  expect(summary.warnings.filter((text) => text.startsWith('no checkpoint after'))).toHaveLength(2)
  expect(summary.checkpoints.map(({ step }) => step)).toEqual([10, 30])
})

/** Without the breaks of lines that a width makes. */
function joined(lines: readonly string[]): string {
  return lines.join(' ').replace(/\s+/g, ' ')
}
