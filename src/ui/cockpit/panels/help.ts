/** The help: every key and its description, from the table of keys. */
import { wrap } from '../../text/layout.js'
import { bindings } from '../input/keys.js'
import { line } from '../../text/styled-line.js'
import type { Theme } from '../theme.js'
import type { CockpitView } from '../view.js'
import { rule } from './rule.js'

export function helpPanel(view: CockpitView, width: number, height: number, theme: Theme): string[] {
  const options = { width, ellipsis: theme.glyph.ellipsis }
  const keys = bindings(view).flatMap(({ shown, description }) =>
    wrap(description, { width: width - KEY_COLUMNS }).map((text, i) =>
      line(
        [{ text: `  ${i === 0 ? shown : ''}`.padEnd(KEY_COLUMNS), paint: theme.paint.key }, text],
        options,
      ),
    ),
  )
  const about = [
    '',
    'Leaving never stops a run: it trains on, and "absgd watch" comes back to it.',
    'Loss is the mean over the batch, every sample counting the same. The ess ratio is the effective sample size over the size of the batch: 1 where all samples weigh the same, small where few of them decide the step.',
  ].flatMap((text) => wrap(text, { width }).map((part) => line([part], options)))
  const lines = [rule('keys', width, theme), ...keys, ...about].slice(0, height)
  return [...lines, ...Array.from({ length: height - lines.length }, () => ' '.repeat(width))]
}

const KEY_COLUMNS = 10
