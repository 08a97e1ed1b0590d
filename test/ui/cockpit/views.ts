/** Views of small runs. */
import { initialRunState, withRecord, type RunState } from '../../../src/ui/cockpit/feed/run-state.js'
import { NOTHING_YET } from '../../../src/ui/cockpit/feed/sample-feed.js'
import { initialUi, type CockpitView, type UiState } from '../../../src/ui/cockpit/view.js'
import type { Manifest } from '../../../src/record/manifest.js'
import type { Body } from '../../../src/record/record.js'
import {
  EPOCH_MS,
  evaluation,
  joined,
  manifest,
  progress,
  records,
  started,
  steps,
  weighing,
} from '../../helpers/records.js'

export const trained: readonly Body[] = [
  started(),
  joined(),
  progress(0, 'training'),
  steps(0, 20),
  steps(20, 20, {
    controls: {
      lambda: new Float64Array(20).fill(-2),
      gamma: new Float64Array(20).fill(0.9),
      lr: new Float64Array(20).fill(0.05),
    },
    weighings: [weighing(20, { meanLoss: new Float64Array(20).fill(0.5), m: new Float64Array(20).fill(-1) })],
  }),
  evaluation(39, { accuracy: 0.9512 }),
]

export function stateOf(
  bodies: readonly Body[] = trained,
  more: Partial<RunState> = {},
  described: Partial<Manifest> = {},
): RunState {
  let state = initialRunState(manifest(described))
  for (const record of records(bodies)) state = withRecord(state, record)
  return { ...state, driven: true, caughtUp: true, wasDriven: true, ...more }
}

export function viewOf(
  states: readonly RunState[] = [stateOf()],
  ui: Partial<UiState> = {},
  more: Partial<CockpitView> = {},
): CockpitView {
  return {
    runs: states.map((state) => ({
      state,
      suspects: NOTHING_YET,
      comeBack: `absgd watch ${state.manifest.run}`,
      resume: `absgd resume ${state.manifest.run}`,
    })),
    ui: { ...initialUi(), ...ui },
    size: { columns: 80, rows: 24 },
    nowMs: EPOCH_MS + 6000,
    owned: true,
    ...more,
  }
}
