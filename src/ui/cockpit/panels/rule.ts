import { line } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'

/** `── title ─────`. */
export function rule(title: string, width: number, { paint, glyph }: Theme): string {
  const text = `${glyph.rule.repeat(2)} ${title} `
  return line([{ text: text + glyph.rule.repeat(Math.max(0, width - text.length)), paint: paint.muted }], {
    width,
    ellipsis: glyph.rule,
  })
}
