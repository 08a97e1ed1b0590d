/** Measures training scripts under `absgd-run`, compared with the same scripts under `python`. */
import type { Bench, Budget, Figure } from './figure.js'
import { intervalText, measure, type Interval } from './helpers/python.js'

export const scriptOverhead: Bench = {
  name: 'script-overhead',
  about: 'public-style scripts of an MLP, a CNN and a transformer, plain against absgd-run',
  async run({ python, quick }) {
    const rounds = quick ? '3' : '60'
    const measured = (await measure(python, 'script_overhead.py', [rounds])) as Readonly<
      Record<string, Model>
    >
    return Object.entries(measured).flatMap(([model, figures]) => figuresOf(model, figures))
  },
}

interface Model {
  readonly step_ms: number
  readonly arms: Readonly<Record<Arm, { readonly mean: Interval; readonly median: Interval }>>
}

type Arm = 'off' | 'recorded' | 'on'

function figuresOf(model: string, { step_ms: ms, arms }: Model): Figure[] {
  return (['off', 'recorded', 'on'] as const).map((arm) => {
    const { mean, median } = arms[arm]
    const budget = BUDGETS[`${model} ${arm}`]
    return {
      name: `${model}_${arm}`,
      what: `${model} of ${ms.toFixed(1)} ms a step under absgd-run, ${WORDS[arm]}: median ratio`,
      value: median[0],
      unit: '×',
      ...(budget === undefined ? {} : { budget }),
      against: `the plain script: ${intervalText(median, 3)}, of all time ${intervalText(mean, 3)}`,
    }
  })
}

const WORDS: Readonly<Record<Arm, string>> = {
  off: 'λ off, nothing recorded',
  recorded: 'λ off, recorded',
  on: 'λ = 2',
}

const BUDGETS: Readonly<Record<string, Budget>> = {
  'mlp off': { most: 1.03 },
  'mlp recorded': { most: 1.08 },
  'cnn off': { most: 1.005 },
  'cnn recorded': { most: 1.01 },
}
