/** The demo's table: mean ± sd over the seeds, and the difference to the first arm seed by seed. */

/** One run's figures, as shares of 1. */
export interface Result {
  readonly arm: string
  readonly seed: number
  /** Test accuracy after the last epoch. */
  readonly last: number
  /** Test accuracy at the epoch with the best validation accuracy. */
  readonly best: number
  readonly worstClass: number
  /** How well a sample's mean loss finds the wrong labels. */
  readonly noiseAuc: number
}

export function printTable(results: readonly Result[], arms: readonly string[]): void {
  for (const line of tableLines(results, arms)) console.log(line)
}

export function tableLines(results: readonly Result[], arms: readonly string[]): string[] {
  const [baseline = ''] = arms
  const rows = arms.map((arm) => {
    const mine = results.filter((result) => result.arm === arm)
    const column = (key: 'last' | 'best' | 'worstClass') => percent(mine.map((result) => result[key]))
    const auc = mean(mine.map(({ noiseAuc }) => noiseAuc)).toFixed(3)
    return [
      arm,
      column('last'),
      column('best'),
      column('worstClass'),
      auc,
      difference(results, arm, baseline),
    ]
  })
  const head = [
    'arm',
    'test acc. last',
    'at best val',
    'worst class',
    'noise AUC',
    `last − ${baseline}, paired`,
  ]
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()
  return ['', line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)]
}

/** Each seed against itself: what the seed alone does cancels out. */
function difference(results: readonly Result[], arm: string, baseline: string): string {
  if (arm === baseline) return ''
  const differences = results
    .filter((result) => result.arm === arm)
    .flatMap(({ seed, last }) => {
      const base = results.find((other) => other.arm === baseline && other.seed === seed)
      return base === undefined ? [] : [last - base.last]
    })
  const wins = differences.filter((value) => value > 0).length
  const text = percent(differences)
  return `${text.startsWith('-') ? '' : '+'}${text}  wins ${wins}/${differences.length}`
}

function percent(values: readonly number[]): string {
  return `${(100 * mean(values)).toFixed(1)} ± ${(100 * sd(values)).toFixed(1)}`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of a sample: NaN for a single value. */
function sd(values: readonly number[]): number {
  const center = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1))
}
