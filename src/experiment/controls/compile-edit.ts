/** Checks an edit of a control like the controls of an experiment, and converts it to a layer over the schedule. */
import { AbsgdError } from '../../errors.js'
import type { EditedRun, EditTo } from '../../record/control-edit.js'
import { compileSegments } from '../../schedule/compile-schedule.js'
import { parseSchedule } from '../../schedule/expression.js'
import type { LayerTo } from '../../schedule/edit-layers.js'
import { unknownName } from '../schema-errors.js'
import { checkSource, isKnown, rangeOf } from './resolve-controls.js'

/**
 * The layer of an edit that begins at the step `from`.
 *
 * @throws AbsgdError 'usage' for a control that the run does not have; 'experiment' for values outside the permitted range, and for a
 * schedule that ends before the run
 */
export function compileEdit(control: string, to: EditTo, from: number, run: EditedRun): LayerTo {
  requireControl(control, to, run)
  if (to.kind === 'factor') {
    if (Number.isFinite(to.factor) && to.factor > 0) return to
    throw new AbsgdError('usage', `${control} cannot be multiplied by ${to.factor}`, {
      hint: 'a factor is a finite number above 0',
    })
  }
  const source = parseSchedule(to.text)
  if (source.shape.kind === 'constant') requireInRange(control, Float64Array.of(source.shape.value))
  else checkSource(control, source)
  const { stepsPerEpoch, runSteps } = run
  const segments = compileSegments(source, { stepsPerEpoch, runSteps: runSteps === 0 ? 0 : runSteps - from })
  return {
    kind: 'segments',
    segments: segments.map((segment) => ({ ...segment, from: segment.from + from, to: segment.to + from })),
  }
}

/** @throws AbsgdError 'usage' for the first value that is outside the permitted range of the control */
export function requireInRange(control: string, values: Float64Array): void {
  const range = rangeOf(control)
  const outside = values.find((value) => !range.holds(value))
  if (outside === undefined) return
  throw new AbsgdError('usage', `${control} would become ${outside}`, {
    hint: `${control} takes ${range.text}`,
  })
}

function requireControl(control: string, to: EditTo, { planned, optimizer }: EditedRun): void {
  if (planned.includes(control)) return
  if (!isKnown(control)) throw new AbsgdError('usage', unknownName('control', control, planned))
  if (OF_OPTIMIZER.has(control) && !optimizer.includes(control)) {
    throw new AbsgdError('usage', `the optimizer of this run has no ${control}`, {
      hint: `it has ${listOf(optimizer.filter((name) => OF_OPTIMIZER.has(name)))}`,
    })
  }
  if (control === 'class_balance' && !optimizer.includes(control)) {
    throw new AbsgdError('usage', 'the worker of this run cannot balance classes: its task has no labels', {
      hint: 'give Task(labels=…), the class of each sample, and start the run again',
    })
  }
  if (to.kind === 'schedule') return
  throw new AbsgdError(
    'usage',
    `${control} is the optimizer's own here: there is nothing planned to multiply`,
    {
      hint: `give it a value, such as ${control}=0.01`,
    },
  )
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'nothing that a plan can set' : names.join(', ')
}

const OF_OPTIMIZER: ReadonlySet<string> = new Set(['lr', 'momentum', 'weight_decay'])
