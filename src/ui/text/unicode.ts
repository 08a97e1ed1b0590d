/**
 * The libraries that measure and wrap text of any script. They are loaded when a text needs them, because most texts are simple, and their
 * patterns for emoji take longer to compile than `absgd ls` takes for all else.
 */
import { createRequire } from 'node:module'
import type stringWidthOf from 'string-width'
import type wrapAnsiOf from 'wrap-ansi'

/** Columns of a terminal that a text takes. */
export const stringWidth: typeof stringWidthOf = (...args) => {
  width ??= (load('string-width') as { readonly default: typeof stringWidthOf }).default
  return width(...args)
}

/** The text with line breaks. */
export const wrapAnsi: typeof wrapAnsiOf = (...args) => {
  wrapped ??= (load('wrap-ansi') as { readonly default: typeof wrapAnsiOf }).default
  return wrapped(...args)
}

/** The letters of a text as readers see them, each with its accents and joined symbols. */
export function lettersOf(text: string): string[] {
  segmenter ??= new Intl.Segmenter()
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

// An import could not wait: these functions return at once.
const load = createRequire(import.meta.url)
let width: typeof stringWidthOf | undefined
let wrapped: typeof wrapAnsiOf | undefined
let segmenter: Intl.Segmenter | undefined
