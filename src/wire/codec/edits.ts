/** Edits of controls, and decisions of feedback schedules. */
import type { ControlEdit, Decided, Edited, EditTo, EditWhen } from '../../record/control-edit.js'
import type { ControlEdit as WireControlEdit, ControlEditSchema } from '../gen/absgd/v1/command_pb.js'
import {
  Decided_Bound as Bound,
  type Decided as WireDecided,
  type DecidedSchema,
  type Edited as WireEdited,
  type EditedSchema,
} from '../gen/absgd/v1/record_pb.js'
import type { Init } from './init.js'
import { fromUint64, toUint64, violation } from './numbers.js'
import { readPosition, writePosition } from './session.js'

export function readControlEdit({ control, to, when }: WireControlEdit): ControlEdit {
  if (control === '') throw violation('ControlEdit.control', 'is empty')
  return { control, to: readTo(to), when: readWhen(when) }
}

export function writeControlEdit({ control, to, when }: ControlEdit): Init<typeof ControlEditSchema> {
  return { control, to: writeTo(to), when: writeWhen(when) }
}

export function readEdited(edited: WireEdited): Edited {
  const { request, by, control, before, after } = edited
  const position = readPosition(edited.position)
  return { type: 'edited', request, by, position, control, to: readTo(edited.to), before, after }
}

export function writeEdited(edited: Edited): Init<typeof EditedSchema> {
  const { request, by, control, before, after } = edited
  return {
    request,
    by,
    position: writePosition(edited.position),
    control,
    to: writeTo(edited.to),
    before,
    after,
  }
}

export function readDecided(decided: WireDecided): Decided {
  const { control, value, stateJson, mark } = decided
  const saturated = BOUNDS[decided.saturated]
  return {
    type: 'decided',
    control,
    position: readPosition(decided.position),
    value,
    stateJson,
    ...(saturated === undefined ? {} : { saturated }),
    mark,
  }
}

export function writeDecided(decided: Decided): Init<typeof DecidedSchema> {
  const { control, value, stateJson, mark } = decided
  return {
    control,
    position: writePosition(decided.position),
    value,
    stateJson,
    saturated:
      decided.saturated === undefined
        ? Bound.UNSPECIFIED
        : decided.saturated === 'min'
          ? Bound.MIN
          : Bound.MAX,
    mark,
  }
}

/** ControlEdit and Edited share these fields. */
function readTo(to: WireControlEdit['to']): EditTo {
  switch (to.case) {
    case undefined:
      throw violation('ControlEdit.to', 'is missing, or of a newer version')
    case 'schedule':
      return { kind: 'schedule', text: to.value }
    case 'factor':
      if (!(to.value > 0 && Number.isFinite(to.value)))
        throw violation('ControlEdit.factor', `is ${to.value}; it is finite and above 0`)
      return { kind: 'factor', factor: to.value }
    default:
      return to satisfies never
  }
}

function writeTo(to: EditTo): WireControlEdit['to'] {
  return to.kind === 'schedule' ? { case: 'schedule', value: to.text } : { case: 'factor', value: to.factor }
}

function readWhen(when: WireControlEdit['when']): EditWhen {
  switch (when.case) {
    case undefined:
      return { kind: 'soon' }
    case 'atStep':
      return { kind: 'at', step: fromUint64(when.value, 'ControlEdit.at_step') }
    case 'afterSteps':
      return { kind: 'after', steps: fromUint64(when.value, 'ControlEdit.after_steps') }
    default:
      return when satisfies never
  }
}

function writeWhen(when: EditWhen): WireControlEdit['when'] {
  switch (when.kind) {
    case 'soon':
      return { case: undefined }
    case 'at':
      return { case: 'atStep', value: toUint64(when.step, 'ControlEdit.at_step') }
    case 'after':
      return { case: 'afterSteps', value: toUint64(when.steps, 'ControlEdit.after_steps') }
    default:
      return when satisfies never
  }
}

const BOUNDS: Readonly<Record<Bound, 'min' | 'max' | undefined>> = {
  [Bound.UNSPECIFIED]: undefined,
  [Bound.MIN]: 'min',
  [Bound.MAX]: 'max',
}
