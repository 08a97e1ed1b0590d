import { describe, expect, test } from 'vitest'
import { actionOf, bindings, keyNames, KEYS, type PressedKey } from '../../../src/ui/cockpit/input/keys.js'
import { helpPanel } from '../../../src/ui/cockpit/panels/help.js'
import { createTheme } from '../../../src/ui/cockpit/theme.js'
import { withAnswer, withFailure, withKey } from '../../../src/ui/cockpit/ui-state.js'
import { initialUi } from '../../../src/ui/cockpit/view.js'
import { ended, progress } from '../../helpers/records.js'
import { stateOf, trained, viewOf } from './views.js'

const paused = viewOf([stateOf([...trained, progress(40, 'paused')])])
const over = viewOf([stateOf([...trained, ended(100)])])
const watched = viewOf([stateOf()], {}, { owned: false })
const context = { runs: 3, nowMs: 1000 }

const none: PressedKey = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  return: false,
  escape: false,
  tab: false,
  backspace: false,
  delete: false,
  ctrl: false,
  meta: false,
}

describe('the keys', () => {
  test('all stand in the help, when they do something', () => {
    for (const view of [viewOf(), paused, over, watched, viewOf([stateOf(), stateOf()])]) {
      const help = helpPanel(view, 120, 60, createTheme({ colours: 0, ascii: false })).join('\n')
      for (const { description } of bindings(view)) expect(help).toContain(description)
      for (const { shown, when, description } of KEYS)
        if (when?.(view) === false) expect([shown, help.includes(description)]).toEqual([shown, false])
    }
  })

  test('never mean two things at a time', () => {
    for (const view of [viewOf(), paused, over, watched, viewOf([stateOf(), stateOf()])]) {
      const keys = bindings(view).flatMap((binding) => binding.keys)
      expect(new Set(keys).size).toBe(keys.length)
    }
  })

  test('pause a run that trains, and resume a paused one', () => {
    expect(actionOf('p', viewOf())).toEqual({ type: 'ask', action: { type: 'pause' } })
    expect(actionOf('p', paused)).toEqual({ type: 'ask', action: { type: 'resume' } })
    expect(actionOf('c', viewOf())).toEqual({ type: 'ask', action: { type: 'checkpoint' } })
  })

  test('stop a run only once that is confirmed', () => {
    const question = actionOf('s', viewOf())!
    expect(question.type).toBe('question')
    const asked = viewOf([stateOf()], withKey(initialUi(), question, context))
    expect(actionOf('y', asked)).toEqual({ type: 'confirm' })
    for (const key of ['n', 's', 'q', 'escape', 'return'])
      expect(actionOf(key, asked)).toEqual({ type: 'decline' })
    expect(withKey(asked.ui, { type: 'decline' }, context).question).toBeUndefined()
  })

  test('ask nothing of a run that is over, and Enter leaves it', () => {
    for (const key of ['p', 'c', 's']) expect(actionOf(key, over)).toBeUndefined()
    expect(actionOf('return', over)).toEqual({ type: 'leave' })
    expect(actionOf('return', viewOf())).toBeUndefined()
  })

  test('interrupt by Ctrl-C the run that the cockpit belongs to, and leave any other', () => {
    expect(actionOf('ctrl-c', viewOf())).toEqual({ type: 'interrupt' })
    expect(actionOf('ctrl-c', watched)).toEqual({ type: 'leave' })
    expect(actionOf('ctrl-c', over)).toEqual({ type: 'leave' })
  })

  test('go round the charts and the runs', () => {
    const charts = []
    let ui = initialUi()
    for (let i = 0; i < 5; i += 1) {
      ui = withKey(ui, { type: 'chart', chart: 'next' }, context)
      charts.push(ui.chart)
    }
    expect(charts).toEqual([0, 1, 2, 3, undefined])
    expect(withKey(initialUi(), { type: 'select', by: -1 }, context).selected).toBe(2)
    expect(withKey({ ...initialUi(), selected: 2 }, { type: 'select', by: 1 }, context).selected).toBe(0)
    expect(actionOf('j', viewOf())).toBeUndefined()
    expect(actionOf('3', viewOf())).toEqual({ type: 'chart', chart: 2 })
  })

  test('are told by name; pasted text is none', () => {
    expect(keyNames('p', none)).toEqual(['p'])
    expect(keyNames('sy', none)).toEqual(['s', 'y'])
    expect(keyNames('', { ...none, upArrow: true })).toEqual(['up'])
    expect(keyNames('c', { ...none, ctrl: true })).toEqual(['ctrl-c'])
    expect(keyNames('\x03\x03', none)).toEqual(['ctrl-c', 'ctrl-c'])
    expect(keyNames('stop the presses', none)).toEqual([])
  })
})

describe('an answer', () => {
  const answer = { ok: true, step: 40, message: '' }
  const words = (ok: boolean, message: string) =>
    withAnswer(initialUi(), { type: 'pause' }, { ...answer, ok, message }, 0).message

  test('is shown with the step at which it took effect, a refusal with its reason', () => {
    expect(words(true, '')).toMatchObject({ text: 'done: pause, after 40 steps', tone: 'good' })
    expect(words(true, 'paused')).toMatchObject({ text: 'paused, after 40 steps' })
    expect(words(false, 'not now')).toMatchObject({ text: 'refused: pause: not now', tone: 'bad' })
    expect(withFailure(initialUi(), 'nobody answers', 0).message).toMatchObject({
      text: 'nobody answers',
      tone: 'bad',
    })
  })
})
