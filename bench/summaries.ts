/** Measures the time to list ended runs, from their logs and from their cached summaries. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Figure } from './figure.js'
import { CLI, cpuOf } from './helpers/command.js'
import { writeLongRun } from './helpers/long-run.js'
import { median } from './helpers/median.js'

export const summaries: Bench = {
  name: 'summaries',
  about: 'absgd ls and compare of 10 runs of 90,000 steps, with their summaries and without',
  async run({ folder, quick }) {
    const [runs, steps, rounds] = quick ? [2, 2000, 1] : [10, 90_000, 3]
    const dirs: string[] = []
    for (let i = 0; i < runs; i += 1) {
      const run = { name: `run-${i}`, steps, stepsPerEpoch: 1000, batchSize: 128, classes: 10 }
      dirs.push(await writeLongRun({ root: folder, run, stepsARecord: RECORD_STEPS, sampleEvery: 0 }))
    }
    const kept = dirs.map((dir) => join(dir, 'summary.json'))
    const fromLogs = await cpuOf([CLI, 'ls', '--runs', folder])
    if (!kept.every((path) => existsSync(path))) throw new Error('absgd ls kept no summary')
    const what = `of ${runs} runs of ${steps.toLocaleString('en')} steps: CPU of the whole command`
    const figures: Figure[] = []
    for (const [name, args] of Object.entries({
      ls: ['ls', '--runs', folder],
      compare: ['compare', 'run-*', '--runs', folder],
    })) {
      const seconds: number[] = []
      for (let round = 0; round < rounds; round += 1) seconds.push(await cpuOf([CLI, ...args]))
      const against = `the same without summaries, from the logs: ${fromLogs.toFixed(2)} s`
      figures.push({
        name: `${name}_cpu`,
        what: `${name} ${what}`,
        value: median(seconds),
        unit: 's',
        budget: { most: 0.5 },
        against,
      })
    }
    return figures
  },
}

/** At 5 ms a step a record of telemetry comes every 100 ms. */
const RECORD_STEPS = 20
