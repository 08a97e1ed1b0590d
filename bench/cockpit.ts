/** How long the cockpit takes to open a run of a million steps, and what it costs beside a run that trains. */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { acquireLock } from '../src/log/lock/run-lock.js'
import type { Bench, Figure, Settings } from './figure.js'
import { beginLongRun, writeLongRun } from './helpers/long-run.js'
import { median } from './helpers/median.js'
import { cpuSeconds, peakResidentBytes } from './helpers/processes.js'
import type { SyntheticRun } from './helpers/synthetic.js'
import { openTerminal } from './helpers/terminal.js'

export const cockpit: Bench = {
  name: 'cockpit',
  about: 'opening a run of 1,000,000 steps, and following one live, at 160×48',
  async run(settings) {
    return [...(await opening(settings)), ...(await following(settings))]
  },
}

async function opening({ folder, quick }: Settings): Promise<Figure[]> {
  const steps = quick ? 5000 : 1_000_000
  const run = syntheticRun('long', steps)
  const dir = await writeLongRun({ root: folder, run, stepsARecord: RECORD_STEPS, sampleEvery: 0 })
  const seconds: number[] = []
  const cpu: number[] = []
  const bytes: number[] = []
  for (let round = 0; round < (quick ? 1 : ROUNDS); round += 1) {
    const terminal = openTerminal([CLI, 'watch', dir, '--ui', 'cockpit'], COLUMNS, ROWS)
    // The last record ends the run. Once the end is shown, the whole log has been read.
    seconds.push(await terminal.until(/completed/))
    cpu.push(cpuSeconds(terminal.pid) ?? NaN)
    bytes.push(peakResidentBytes(terminal.pid) ?? NaN)
    await terminal.close()
  }
  const what = `opening a run of ${steps.toLocaleString('en')} steps, ${RECORD_STEPS} a record`
  const against = `CPU ${median(cpu).toFixed(2)} s`
  return [
    { name: 'open_seconds', what, value: median(seconds), unit: 's', budget: { most: 1.5 }, against },
    {
      name: 'open_memory',
      what: 'largest resident memory of the cockpit while opening it',
      value: median(bytes) / 1e6,
      unit: 'MB',
      budget: { most: 250 },
    },
  ]
}

/** A log that grows as one of 5 ms steps does, from this process, which holds the run's lock. */
async function following({ folder, quick }: Settings): Promise<Figure[]> {
  const run = syntheticRun('live', 1_000_000)
  const writer = beginLongRun({ root: folder, run, stepsARecord: RECORD_STEPS, sampleEvery: 0 })
  const lock = acquireLock(writer.dir)
  let step = 0
  const report = () => {
    writer.report(step, RECORD_STEPS)
    step += RECORD_STEPS
  }
  for (let i = 0; i < HISTORY_RECORDS; i += 1) report()
  writer.flush()
  const timer = setInterval(report, RECORD_MS)
  const terminal = openTerminal([CLI, 'watch', writer.dir, '--ui', 'cockpit'], COLUMNS, ROWS)
  try {
    await terminal.until(/loss/)
    await sleep(quick ? 300 : SETTLE_MS)
    const [began, before, drawn] = [performance.now(), cpuSeconds(terminal.pid), terminal.bytes().length]
    await sleep(quick ? 700 : FOLLOW_MS)
    const seconds = (performance.now() - began) / 1000
    const spent = (cpuSeconds(terminal.pid) ?? NaN) - (before ?? NaN)
    const clears = terminal.bytes().slice(drawn).match(CLEARS)?.length ?? 0
    return liveFigures(spent / seconds, clears, (terminal.bytes().length - drawn) / seconds)
  } finally {
    clearInterval(timer)
    await terminal.close()
    await writer.leave()
    lock.release()
  }
}

function liveFigures(share: number, clears: number, bytesASecond: number): Figure[] {
  const live = `live, ${COLUMNS}×${ROWS}`
  return [
    {
      name: 'live_cpu',
      what: `cockpit ${live}: share of a core, 200 steps/s`,
      value: 100 * share,
      unit: '%',
      budget: { most: 15 },
      against: `${(bytesASecond / 1000).toFixed(1)} kB/s drawn`,
    },
    {
      name: 'live_clears',
      what: `cockpit ${live}: times that the whole screen was cleared`,
      value: clears,
      unit: '',
      budget: { most: 0 },
    },
  ]
}

function syntheticRun(name: string, steps: number): SyntheticRun {
  return { name, steps, stepsPerEpoch: 1000, batchSize: 128, classes: 10 }
}

const CLI = fileURLToPath(new URL('../bin/absgd.js', import.meta.url))
const [COLUMNS, ROWS] = [160, 48]
/** At 5 ms a step a record of telemetry comes every 100 ms. */
const RECORD_STEPS = 20
const RECORD_MS = 100
const ROUNDS = 3
/** So that its charts are full of points. */
const HISTORY_RECORDS = 500
const SETTLE_MS = 3000
const FOLLOW_MS = 20_000
/** Erase the screen, or what was scrolled off it. */

const CLEARS = /\u001b\[[23]J/g
