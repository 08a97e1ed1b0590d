/** `recipe`: a schedule of λ that is chosen from the losses of the run, in their own units. */
import { AbsgdError } from '../../errors.js'
import { scheduleOf, type Schedule } from '../schedule.js'
import type { Decision, FeedbackRule, ReportedStep } from '../feedback/feedback-rule.js'
import type { RecipeKind, RecipeSpec } from './choose.js'
import { decideRecipe, EVERY, LAG, WINDOW } from './decide.js'
import { startRecipe, type RecipeState } from './state.js'

export type { RecipeKind } from './choose.js'

export interface RecipeOptions {
  /** The share of wrong labels as far as it is known, in (0, 0.6). @default estimated */
  readonly wrong?: number
}

/**
 * λ as a recipe chooses it:
 *
 * - `wrong-labels`: off while the spread of the losses is measured, then annealed to the λ < 0 at which the effective sample size of a
 *   batch is the share of right labels, and corrected as the losses answer; off again if far fewer labels look wrong. If the share is
 *   not given, it is estimated, and λ stays off unless at least a tenth of the labels look wrong.
 * - `rare-groups`: the same with λ > 0, which attends to the samples with the highest losses.
 * - `off`: measures, and leaves λ off.
 *
 * What it chooses is an edit in the ledger, with its reason, as a schedule that can be pasted. The run must record the losses of its
 * samples, and have at least 256 steps.
 *
 * @throws AbsgdError 'experiment' for a recipe that does not exist, and a share outside its range
 */
export function recipe(kind: RecipeKind, { wrong }: RecipeOptions = {}): Schedule {
  checkRecipe(kind, wrong)
  const spec: RecipeSpec = wrong === undefined ? { kind } : { kind, wrong }

  function decide(
    window: readonly ReportedStep[],
    state: RecipeState,
    step: number,
    runSteps = 0,
  ): Decision<RecipeState> {
    const reports = window.flatMap((report) =>
      report.losses === undefined ? [] : { step: report.step, losses: report.losses },
    )
    const { state: next, edit, mark } = decideRecipe(spec, reports, state, step, runSteps)
    return {
      value: Infinity,
      state: next,
      ...(mark === '' ? {} : { mark: `recipe ${kind}: ${mark}` }),
      ...(edit === undefined ? {} : { edit: { ...edit, by: 'recipe', why: `recipe ${kind}: ${edit.why}` } }),
    }
  }

  const rule: FeedbackRule<RecipeState> = {
    name: `recipe ${kind}${wrong === undefined ? '' : `, ${Number((100 * wrong).toPrecision(12))} % wrong`}`,
    lag: LAG,
    window: WINDOW,
    every: EVERY,
    leastSteps: LEAST_STEPS,
    needsLosses: true,
    initial: Infinity,
    start: startRecipe(),
    decide,
    isDone: ({ phase }) => phase === 'done',
  }
  return scheduleOf({ kind: 'feedback', rule })
}

function checkRecipe(kind: string, wrong: number | undefined): void {
  if (!KINDS.includes(kind)) {
    throw new AbsgdError('experiment', `there is no recipe ${JSON.stringify(kind)}`, {
      hint: `use one of ${KINDS.join(', ')}`,
    })
  }
  if (wrong === undefined) return
  if (kind !== 'wrong-labels') {
    throw new AbsgdError('experiment', `a share of wrong labels is no part of the recipe ${kind}`, {
      hint: 'use wrong-labels',
    })
  }
  if (wrong > 0 && wrong < MOST_WRONG) return
  throw new AbsgdError('experiment', `the share of wrong labels is ${String(wrong)}`, {
    hint: `it must be above 0 and below ${MOST_WRONG}: 0.2 means that two labels of ten are wrong. Leave it out if it is unknown`,
  })
}

const KINDS: readonly string[] = ['wrong-labels', 'rare-groups', 'off'] satisfies RecipeKind[]
const MOST_WRONG = 0.6
const LEAST_STEPS = 256
