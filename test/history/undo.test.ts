import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addEdit, type EditEntry } from '../../src/history/edit-history.js'
import { beyondLastEdit, undoTarget } from '../../src/history/undo.js'
import { checkpoint } from '../helpers/records.js'

const edit = (request: string, step: number, control = 'lambda') => ({ request, step, control })

function editsOf(all: readonly ReturnType<typeof edit>[]): readonly EditEntry[] {
  return all.reduce<readonly EditEntry[]>(
    (entries, { request, step, control }) =>
      addEdit(entries, {
        type: 'edited',
        request,
        by: 'cli',
        position: { attempt: 1, step },
        control,
        to: { kind: 'schedule', text: '-3' },
        before: 2,
        after: -3,
      }),
    [],
  )
}

const at = (...steps: number[]) => steps.map((step) => checkpoint(step))

describe('undo returns to the newest checkpoint before the last edit', () => {
  test.each([
    ['no edit', [], [10], { type: 'no-edit' }],
    ['no checkpoint', [edit('a', 20)], [], { type: 'no-checkpoint', edit: 20 }],
    ['all checkpoints behind it', [edit('a', 20)], [30], { type: 'no-checkpoint', edit: 20 }],
    ['one edit', [edit('a', 20)], [10, 20, 30], { requests: 1, controls: ['lambda'] }],
    [
      'two controls at once',
      [edit('a', 20), edit('a', 20, 'lr')],
      [10],
      { requests: 1, controls: ['lambda', 'lr'] },
    ],
    [
      'an edit before the checkpoint',
      [edit('a', 5), edit('b', 20)],
      [10],
      { requests: 1, controls: ['lambda'] },
    ],
    ['two edits behind it', [edit('a', 15), edit('b', 20)], [10], { requests: 2, controls: ['lambda'] }],
  ])('%s', (_title, edits, checkpoints, expected) => {
    expect(undoTarget(editsOf(edits), at(...checkpoints))).toMatchObject(expected)
  })

  test('whatever edits and checkpoints there are, every edit from the checkpoint on is counted', () => {
    const steps = fc.integer({ min: 0, max: 50 })
    const edited = fc.array(steps, { minLength: 1, maxLength: 6 }).map((all) => all.toSorted((a, b) => a - b))
    const saved = fc.uniqueArray(steps, { maxLength: 6 }).map((all) => all.toSorted((a, b) => a - b))
    fc.assert(
      fc.property(edited, saved, (edits, checkpoints) => {
        const target = undoTarget(editsOf(edits.map((step, i) => edit(`r${i}`, step))), at(...checkpoints))
        const last = edits.at(-1)!
        const before = checkpoints.filter((step) => step <= last)
        if (before.length === 0) {
          expect(target.type).toBe('no-checkpoint')
          return
        }
        const to = Math.max(...before)
        expect(target).toMatchObject({
          checkpoint: { position: { step: to } },
          requests: edits.filter((step) => step >= to).length,
        })
      }),
    )
  })

  test.each([
    ['cli', '--all'],
    ['script', 'run.undo({ all: true })'],
    ['an operator of somebody', "the request's field Undo.all"],
  ])('and says how far that is, and to %s how to ask for it', (by, remedy) => {
    const target = undoTarget(editsOf([edit('a', 15), edit('b', 20, 'lr')]), at(10))
    if (target.type !== 'checkpoint') throw new Error(target.type)
    expect(beyondLastEdit(target, 45, by)).toBe(
      `the newest checkpoint before the last edit is at step 10: undo takes back 2 edits of lambda, lr, and 35 steps; ask for it with ${remedy}`,
    )
  })
})
