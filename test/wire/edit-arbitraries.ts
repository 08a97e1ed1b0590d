/** Edits at random, all of them within the contract. */
import fc from 'fast-check'
import type { Action, Decided, Edited, EditTo, EditWhen } from '../../src/record/record.js'
import { integer, name, position, text, type } from './value-arbitraries.js'

const editTo: fc.Arbitrary<EditTo> = fc.oneof(
  fc.record({ kind: type('schedule'), text }),
  fc.record({ kind: type('factor'), factor: fc.double({ min: 1e-9, max: 1e9, noNaN: true }) }),
)
const editWhen: fc.Arbitrary<EditWhen> = fc.oneof(
  fc.record({ kind: type('soon') }),
  fc.record({ kind: type('at'), step: integer }),
  fc.record({ kind: type('after'), steps: integer }),
)

export const setAction: fc.Arbitrary<Action> = fc.record({
  type: type('set'),
  edits: fc.array(fc.record({ control: name, to: editTo, when: editWhen }), { minLength: 1, maxLength: 3 }),
  checkpoint: fc.boolean(),
})

export const edits: [fc.Arbitrary<Edited>, fc.Arbitrary<Decided>] = [
  fc.record({
    type: type('edited'),
    request: text,
    by: text,
    position,
    control: text,
    to: editTo,
    before: fc.double(),
    after: fc.double(),
  }),
  fc.record(
    {
      type: type('decided'),
      control: text,
      position,
      value: fc.double(),
      stateJson: text,
      saturated: fc.constantFrom('min', 'max'),
      mark: text,
    },
    { requiredKeys: ['type', 'control', 'position', 'value', 'stateJson', 'mark'] },
  ),
]
