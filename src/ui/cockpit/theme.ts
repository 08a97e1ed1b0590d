/** Colours and characters by meaning. No other file of the cockpit names a colour. */
import { Chalk } from 'chalk'
import type { Paint } from '../text/chart.js'
import type { Tone } from './status-text.js'

export interface Theme {
  readonly ascii: boolean
  readonly paint: Readonly<Record<PaintName, Paint>>
  readonly tone: Readonly<Record<Tone, Paint>>
  readonly glyph: Readonly<Record<GlyphName, string>>
}

export type PaintName =
  'name' | 'muted' | 'label' | 'value' | 'key' | 'loss' | 'metric' | 'lambda' | 'ess' | 'chosen' | 'band'

export type GlyphName =
  | 'training'
  | 'waiting'
  | 'done'
  | 'failed'
  | 'filled'
  | 'empty'
  | 'rule'
  | 'ellipsis'
  | 'lambda'
  | 'gamma'
  | 'sumW'
  | 'dot'
  | 'chosen'

export interface Capabilities {
  /** Chalk's colour level: 0 is none, 1 is the terminal's own 16 colours. */
  readonly colours: 0 | 1
  readonly ascii: boolean
}

/** Uses only the terminal's own 16 colours, which suit its background. */
export function createTheme({ colours, ascii }: Capabilities): Theme {
  const chalk = new Chalk({ level: colours })
  return {
    ascii,
    paint: {
      name: chalk.bold,
      muted: chalk.dim,
      label: chalk.dim,
      value: chalk.reset,
      key: chalk.bold.cyan,
      loss: chalk.cyan,
      metric: chalk.green,
      lambda: chalk.magenta,
      ess: chalk.yellow,
      chosen: chalk.inverse,
      band: chalk.dim.cyan,
    },
    tone: { plain: chalk.reset, good: chalk.green, warn: chalk.yellow, bad: chalk.red },
    glyph: ascii ? ASCII : UNICODE,
  }
}

const UNICODE: Theme['glyph'] = {
  training: '●',
  waiting: '‖',
  done: '✓',
  failed: '✗',
  filled: '━',
  empty: '─',
  rule: '─',
  ellipsis: '…',
  lambda: 'λ',
  gamma: 'γ',
  sumW: 'Σw',
  dot: '·',
  chosen: '▸',
}

const ASCII: Theme['glyph'] = {
  training: '*',
  waiting: '=',
  done: '+',
  failed: '!',
  filled: '#',
  empty: '.',
  rule: '-',
  ellipsis: '~',
  lambda: 'lambda',
  gamma: 'gamma',
  sumW: 'sum w',
  dot: '-',
  chosen: '>',
}
