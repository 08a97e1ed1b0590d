/** Checks the controls of a run: their names, their schedules, and all values. */
import leven from 'leven'
import { AbsgdError } from '../../errors.js'
import { describe } from '../../schedule/describe-schedule.js'
import { add, describeDuration, isNothing, type Duration } from '../../schedule/duration.js'
import { leavesOf, type Leaf } from '../../schedule/schedule-parts.js'
import { scheduleOf, type Source } from '../../schedule/schedule.js'
import { schemaErrorMessage } from '../schema-errors.js'
import { CONTROL_RANGES, controlsSchema, OWN_CONTROL_RANGE, type ControlRange } from '../spec-schema.js'

export type ResolvedControls = Readonly<Record<string, Source>>

/**
 * The controls of an experiment, with their defaults.
 *
 * Values are checked at the ends of each curve, which bound the values between them. A ramp is checked as a whole, even if a later part
 * or the end of the run cuts it.
 *
 * @throws AbsgdError 'experiment' naming the control, the step, the value and the permitted range
 */
export function resolveControls(given: Readonly<Record<string, unknown>>): ResolvedControls {
  for (const name of Object.keys(given)) checkName(name)
  const parsed = controlsSchema.safeParse(given)
  if (!parsed.success) {
    throw new AbsgdError(
      'experiment',
      schemaErrorMessage('the controls do not hold', parsed.error, controlsSchema, given),
    )
  }
  const controls: Record<string, Source> = {}
  for (const [name, source] of Object.entries(parsed.data)) {
    if (source === undefined) continue
    checkSource(name, source)
    controls[name] = source
  }
  return controls
}

function checkName(name: string): void {
  if (isKnown(name)) return
  const known = Object.keys(CONTROL_RANGES)
  const meant = ALIASES.get(name) ?? known.find((other) => isTypo(name, other))
  if (meant !== undefined) {
    throw new AbsgdError('experiment', `unknown control "${name}": did you mean "${meant}"?`, {
      hint: `known are ${known.join(', ')}; give a control of your own a name unlike these`,
    })
  }
  if (OWN_NAME.test(name)) return
  throw new AbsgdError('experiment', `"${name}" is no name for a control`, {
    hint: `known are ${known.join(', ')}; one of your own is named by a-z, then up to 63 of a-z 0-9 _`,
  })
}

export function isKnown(name: string): name is keyof typeof CONTROL_RANGES {
  return Object.hasOwn(CONTROL_RANGES, name)
}

/** A name that extends a known one (lambda2) is not a typing error. */
function isTypo(name: string, known: string): boolean {
  return known.length >= 5 && !name.startsWith(known) && leven(plain(name), plain(known)) <= 2
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '')
}

/** The permitted values of a control, built-in or defined by the user. */
export function rangeOf(name: string): ControlRange {
  return isKnown(name) ? CONTROL_RANGES[name] : OWN_CONTROL_RANGE
}

/** Checks one control. @throws AbsgdError 'experiment' as in {@link resolveControls} */
export function checkSource(name: string, source: Source): void {
  const range = rangeOf(name)
  for (const leaf of leavesOf(source)) {
    const part = describe(scheduleOf(leaf.shape))
    for (const { value, after } of endsOf(leaf)) {
      if (range.holds(value)) continue
      const where = leaf.shape.kind === 'constant' ? '' : `, in "${part}"`
      throw new AbsgdError('experiment', `${name} is ${String(value)} ${point(after)}${where}`, {
        hint: `${name} takes ${range.text}`,
      })
    }
    if (name === 'lambda' && crossesZero(leaf)) {
      throw new AbsgdError('experiment', `lambda crosses 0 in "${part}", which begins ${point(leaf.after)}`, {
        hint: 'lambda takes numbers other than 0: change sign by way of off(), such as join(exponential(…).for(…), off().for(…), …)',
      })
    }
  }
}

/** The values that bound a leaf, with the time of each. */
function endsOf({ shape, after }: Leaf): readonly { value: number; after: Duration }[] {
  switch (shape.kind) {
    case 'constant':
      return [{ value: shape.value, after }]
    case 'ramp': {
      const end = { value: shape.end, after: add(after, shape.over) }
      return isNothing(shape.over) ? [end] : [{ value: shape.init, after }, end]
    }
    case 'steps':
      return [
        { value: shape.init, after },
        ...shape.at.map(([boundary, value]) => ({ value, after: add(after, boundary) })),
      ]
    case 'feedback':
      return [{ value: shape.rule.initial, after }]
    default:
      return shape satisfies never
  }
}

function crossesZero({ shape }: Leaf): boolean {
  return shape.kind === 'ramp' && !isNothing(shape.over) && Math.sign(shape.init) !== Math.sign(shape.end)
}

function point(after: Duration): string {
  return after.epochs === 0 ? `at step ${after.steps}` : `after ${describeDuration(after)}`
}

const OWN_NAME = /^[a-z][a-z0-9_]{0,63}$/
/** Names of the built-in controls in other libraries. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['lam', 'lambda'],
  ['learning_rate', 'lr'],
  ['learningRate', 'lr'],
  ['wd', 'weight_decay'],
  ['max_norm', 'clip_norm'],
  ['grad_clip', 'clip_norm'],
  ['class_balanced', 'class_balance'],
  ['class_weights', 'class_balance'],
])
