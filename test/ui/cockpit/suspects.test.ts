import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { drawScreen, rowsOfRegion } from '../../../src/ui/cockpit/layout.js'
import {
  createSampleFeed,
  type NamedSuspect,
  type SuspectsState,
} from '../../../src/ui/cockpit/feed/sample-feed.js'
import { createTheme } from '../../../src/ui/cockpit/theme.js'
import type { CockpitView } from '../../../src/ui/cockpit/view.js'
import type { Body } from '../../../src/record/record.js'
import type { RewindPoint } from '../../../src/history/visible-steps.js'
import { records, sampleInfo, samples, steps } from '../../helpers/records.js'
import { stateOf, trained, viewOf } from './views.js'

const suspect: NamedSuspect = {
  rank: 1,
  index: 7,
  id: 'images/\x1b[2Jcat-0007.png',
  label: 3,
  predicted: 4,
  trueLabel: 4,
  isWrong: true,
  meanLoss: 2.5,
  lossSpread: 0.1,
  lastLoss: 2,
  meanWeight: 0.25,
  timesSeen: 12,
}
const ready: SuspectsState = { status: 'ready', problem: '', top: [suspect], samples: 997, auc: 0.9912 }

function viewWith(suspects: SuspectsState, bodies: readonly Body[] = trained): CockpitView {
  const view = viewOf([stateOf(bodies)], { suspects: true })
  return { ...view, runs: view.runs.map((run) => ({ ...run, suspects })) }
}

function drawn(view: CockpitView, [columns, rows]: readonly [number, number] = [80, 24]): string {
  const region = drawScreen(view, { columns, rows }, createTheme({ colours: 0, ascii: false }))
  return stripVTControlCharacters(rowsOfRegion(region).join('\n'))
}

describe('the suspects', () => {
  test.each([
    [60, 20],
    [80, 24],
    [160, 48],
    [200, 60],
  ] as const)('are shown at %d×%d, by name, label, prediction, loss and weight', (...size) => {
    const screen = drawn(viewWith(ready), size)
    expect(screen).toContain('suspects, by mean loss, of 997, AUC 0.991')
    expect(screen).toMatch(/1 +7 +3 → 4 +≠ 4 +2\.5 +0\.25 +12 +\S*cat-0007\.png/)
  })

  test('are called hard, not suspect, where λ is above 0', () => {
    const controls = { lambda: new Float64Array(20).fill(2) }
    expect(drawn(viewWith(ready, [...trained, steps(40, 20, { controls })]))).toContain('hardest samples, by')
  })

  test('leave the charts visible if both have room', () => {
    expect(drawn(viewWith(ready), [160, 48])).toMatch(/loss \d[^]*ess ratio[^]*── log ─.*── suspects/)
  })

  test('say why there are none', () => {
    const none = { ...ready, top: [], samples: 0 }
    expect(drawn(viewWith(none))).toContain('record.samples is off')
    expect(drawn(viewWith({ ...none, status: 'reading' }))).toContain('reading the samples')
    expect(drawn(viewWith({ ...none, status: 'failed', problem: 'no disk' }))).toContain('no disk')
  })
})

describe('a feed of samples', () => {
  const info = sampleInfo([1, 0], { trueLabels: [1, 1], ids: ['first', 'second'] })
  const batch = samples(0, [0, 1], [0.5, 3])

  test('ranks what the log holds, under the names that the user gave', async () => {
    const state = await follow([[info, batch], []])
    expect(state).toMatchObject({ status: 'ready', samples: 2, auc: 1 })
    expect(state.top.map(({ id, meanLoss, isWrong }) => [id, meanLoss, isWrong])).toEqual([
      ['second', 3, true],
      ['first', 0.5, false],
    ])
  })

  test('begins anew where a rewind hides what it has read', async () => {
    const before = samples(5, [0, 1], [9, 9])
    const state = await follow([[info, batch, before], []], [{ attempt: 2, toStep: 5, cause: 'restore' }])
    expect(state.top.map(({ meanLoss, timesSeen }) => [meanLoss, timesSeen])).toEqual([
      [3, 1],
      [0.5, 1],
    ])
  })

  test('says what kept it from reading', async () => {
    await expect(follow('the disk is gone')).resolves.toMatchObject({
      status: 'failed',
      problem: 'the disk is gone',
    })
  })
})

/** The state of a feed that has read everything; `rewinds` come once it has. */
function follow(
  log: readonly (readonly Body[])[] | string,
  rewinds: readonly RewindPoint[] = [],
): Promise<SuspectsState> {
  const abort = new AbortController()
  let known: readonly RewindPoint[] = []
  return new Promise((resolve) => {
    const feed = createSampleFeed({
      source: {
        isDriven: () => false,
        async *samples() {
          if (typeof log === 'string') throw new Error(log)
          for (const block of log) yield records(block)
        },
      },
      rewinds: () => known,
      caughtUp: Promise.resolve(),
      changed: () => {
        const state = feed.state()
        if (state.status === 'reading') return
        if (state.status === 'ready' && known !== rewinds) {
          known = rewinds
          if (rewinds.length > 0) return
        }
        abort.abort()
        resolve(state)
      },
    })
    feed.start(abort.signal)
  })
}
