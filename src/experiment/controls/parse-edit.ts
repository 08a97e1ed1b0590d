/** Parses edits on the command line: `lambda=2`, `gamma=0.5@+100`, `lr*=0.1`, `lambda=cosine(2, 0.5, over=1000)@5000`. */
import { AbsgdError } from '../../errors.js'
import type { ControlEdit, EditTo, EditWhen } from '../../record/control-edit.js'
import { parseSchedule } from '../../schedule/expression.js'
import { recipeOfText } from '../../schedule/recipe/recipe-text.js'

/** @throws AbsgdError 'usage' naming the text that cannot be parsed, and the syntax */
export function parseEdit(text: string): ControlEdit {
  const [, control, times, rest] = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(\*?)=\s*(.*)$/s.exec(text) ?? []
  if (control === undefined || rest === undefined || rest.trim() === '') throw unreadable(text)
  const [, value = rest, relative, step] = /^(.*?)\s*@\s*(\+?)(\d+)\s*$/s.exec(rest) ?? []
  if (value.includes('@')) throw unreadable(text)
  return { control, to: toOf(control, value.trim(), times === '*'), when: whenOf(relative, step) }
}

/**
 * `lambda=recipe(wrong-labels, wrong=0.2)`, which a control is set to for a whole run; undefined for text that names no recipe.
 *
 * @throws AbsgdError as {@link recipeOfText}
 */
export function parseRecipeSetting(
  text: string,
): { readonly control: string; readonly recipe: string } | undefined {
  const [, control, recipe = ''] = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/s.exec(text) ?? []
  if (control === undefined || recipeOfText(recipe) === undefined) return undefined
  return { control, recipe: recipe.trim() }
}

function toOf(control: string, value: string, times: boolean): EditTo {
  if (!times) {
    parseSchedule(value)
    return { kind: 'schedule', text: value }
  }
  const factor = Number(value)
  if (Number.isFinite(factor) && factor > 0) return { kind: 'factor', factor }
  throw new AbsgdError('usage', `${control} cannot be multiplied by ${value}`, {
    hint: 'a factor is a finite number above 0',
  })
}

function whenOf(relative: string | undefined, step: string | undefined): EditWhen {
  if (step === undefined) return { kind: 'soon' }
  return relative === '+' ? { kind: 'after', steps: Number(step) } : { kind: 'at', step: Number(step) }
}

function unreadable(text: string): AbsgdError {
  return new AbsgdError('usage', `"${text}" is no edit`, {
    hint: 'write CONTROL=VALUE or CONTROL*=FACTOR, then @STEP or @+STEPS where it is not to be soon: lambda=-2 lr*=0.1@+100 "lambda=cosine(-5, -0.5, over=1000)"',
  })
}
