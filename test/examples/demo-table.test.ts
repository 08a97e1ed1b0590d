import { expect, test } from 'vitest'
import { tableLines } from '../../examples/noisy-digits/table.js'
import { compareRuns } from '../../src/index.js'
import { summary } from '../helpers/summaries.js'

test('the demo’s table has each arm’s figures in per cent, and its difference to plain SGD', () => {
  const arms = { sgd: [0.82, 0.86, 0.9], annealed: [0.85, 0.93, 0.952] }
  const runs = Object.entries(arms).flatMap(([arm, values]) =>
    values.map((accuracy, seed) =>
      summary({
        arm,
        params: { seed },
        final: { 'test.accuracy': accuracy, 'test.worst_class_accuracy': accuracy / 2, noise_auc: 0.9 },
        best: { 'test.accuracy': accuracy - 0.01 },
      }),
    ),
  )
  const lines = tableLines(compareRuns(runs))
  expect(lines.at(-2)).toBe('sgd       86.0 ± 4.0  85.0 ± 4.0  43.0 ± 2.0   0.900')
  // Differences 3, 7 and 5.2: mean 5.07, sd 2.00, half the interval 4.303·2.00/√3 = 4.98.
  expect(lines.at(-1)).toBe('annealed  91.1 ± 5.4  90.1 ± 5.4  45.5 ± 2.7   0.900  +5.1 [+0.1, +10.0]  3/3')
  for (const line of lines) expect([...line].length).toBeLessThanOrEqual(80)
})
