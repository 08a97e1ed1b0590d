// Tables of Markdown from figures of `compare`.

/** Rows of arms: their figures as mean ± sd, and the paired difference of the first figure. */
export function tableOf({ arms, figures, of, before = () => [] }) {
  const [main, ...others] = figures
  const by = (metric, arm) => of(metric).find(({ name }) => name === arm)
  const rows = arms.map((arm) => {
    const cells = [
      `\`${arm}\``,
      ...before(arm),
      meanOf(main.metric, by(main.metric, arm)),
      differenceOf(by(main.metric, arm)?.difference ?? null),
      ...others.map(({ metric }) => meanOf(metric, by(metric, arm))),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return { head: [main.title, 'difference, wins', ...others.map(({ title }) => title)], rows }
}

/** Head and rows as one text. */
export function markdown(head, rows) {
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n')
}

function meanOf(metric, figures) {
  if (typeof figures?.mean !== 'number') return ''
  // An area under a curve is no share of samples.
  if (metric === 'noise_auc') return figures.mean.toFixed(3)
  return `${percent(figures.mean)}${figures.sd === null ? '' : ` ± ${percent(figures.sd)}`}`
}

export function differenceOf(difference) {
  if (difference === null) return ''
  const { mean, interval, wins, pairs } = difference
  if (interval === null) return `${percent(mean, '+')}, ${wins}/${pairs}`
  const [low, high] = [interval.low, interval.high].map((bound) => percent(bound, '+'))
  return `${percent(mean, '+')} [${low}, ${high}], ${wins}/${pairs}`
}

/** A share as per cent, with the sign of mathematics. */
export function percent(share, plus = '') {
  const text = (100 * Math.abs(share)).toFixed(1)
  return `${share < 0 ? '−' : plus}${text}`
}
