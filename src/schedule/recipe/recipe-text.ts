/** A recipe as text, where a control is set for a whole run: `recipe(wrong-labels, wrong=0.2)`. */
import { AbsgdError } from '../../errors.js'
import type { Schedule } from '../schedule.js'
import { recipe, type RecipeKind } from './recipe.js'

/**
 * The recipe that is written as `text`; undefined for text that is none.
 *
 * @throws AbsgdError 'usage' for a call of `recipe` that cannot be read, 'experiment' as {@link recipe}
 */
export function recipeOfText(text: string): Schedule | undefined {
  if (!/^\s*recipe\s*\(/.test(text)) return undefined
  const { kind, wrong } = CALL.exec(text)?.groups ?? {}
  const share = wrong === undefined ? undefined : Number(wrong)
  if (kind === undefined || Number.isNaN(share)) {
    throw new AbsgdError('usage', `"${text}" is no recipe`, {
      hint: 'write recipe(wrong-labels), recipe(wrong-labels, wrong=0.2), recipe(rare-groups) or recipe(off)',
    })
  }
  return recipe(kind as RecipeKind, share === undefined ? {} : { wrong: share })
}

/** The text of a recipe. */
export function recipeText(kind: string, wrong?: number): string {
  return wrong === undefined ? `recipe(${kind})` : `recipe(${kind}, wrong=${wrong})`
}

const CALL = /^\s*recipe\s*\(\s*(?<kind>[a-z-]+)\s*(?:,\s*(?:wrong\s*=\s*)?(?<wrong>[^\s,=)]+)\s*)?\)\s*$/
