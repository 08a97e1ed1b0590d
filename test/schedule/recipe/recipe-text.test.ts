/** Recipes as text, where a control is set for a whole run. */
import { expect, test } from 'vitest'
import { describe as inWords } from '../../../src/schedule/describe-schedule.js'
import { recipeOfText, recipeText } from '../../../src/schedule/recipe/recipe-text.js'

test.each([
  ['recipe(wrong-labels)', 'recipe wrong-labels'],
  [' recipe( wrong-labels , wrong = 0.2 ) ', 'recipe wrong-labels, 20 % wrong'],
  ['recipe(wrong-labels,0.2)', 'recipe wrong-labels, 20 % wrong'],
  ['recipe(rare-groups)', 'recipe rare-groups'],
])('%s is %s', (text, words) => {
  expect(inWords(recipeOfText(text)!)).toBe(words)
})

test('other text is no recipe', () => {
  expect(recipeOfText('join(off.for(20), -2)')).toBeUndefined()
  expect(recipeOfText(recipeText('wrong-labels', 0.3))).toBeDefined()
})

test.each([
  ['recipe()', 'is no recipe'],
  ['recipe(wrong-labels, wrong=a)', 'is no recipe'],
  ['recipe(wrong-labels).for(20)', 'is no recipe'],
  ['recipe(clean)', 'there is no recipe "clean"'],
  ['recipe(wrong-labels, wrong=0.7)', 'the share of wrong labels is 0.7'],
])('%s is refused', (text, words) => {
  expect(() => recipeOfText(text)).toThrow(words)
})
