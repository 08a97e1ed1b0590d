// The table of docs/results.md: every arm at its best learning rate, on seeds on which nothing was chosen.
import { CLEAN } from './conditions.mjs'
import { bestRate, readRates } from './learning-rates.mjs'
import { markdown, percent, tableOf } from './markdown.mjs'
import { compare, runName, train } from './runs.mjs'

/** Trains what is not trained yet, then prints one table per condition. */
export async function table({ conditions, seeds, jobs }) {
  const rates = readRates()
  for (const condition of conditions) {
    for (const [rate, arms] of armsByRate(condition, rates)) trainArms(condition, arms, rate, seeds, jobs)
  }
  for (const condition of conditions) console.log(await tableText(condition, rates, seeds))
}

async function tableText({ name, title, arms, figures }, rates, seeds) {
  const of = await compare(arms.flatMap((arm) => seeds.map((seed) => runName(`table-${name}`, arm, seed))))
  const before = (arm) => [String(bestRate(rates, name, arm))]
  const { head, rows } = tableOf({ arms, figures, of, before })
  const text = markdown(['arm', 'learning rate', ...head], rows)
  return `\n**${title}**\n\n${text}${cleanText(name, of(figures[0].metric))}`
}

/** Whether the recipe keeps what it promises on clean data; nothing for other conditions. */
export function cleanText(condition, arms) {
  const difference = arms.find(({ name }) => name === CLEAN.arm)?.difference ?? null
  if (condition !== CLEAN.condition || difference === null) return ''
  const { mean } = difference
  if (mean >= -CLEAN.margin) return ''
  return `\n\nOn clean data \`${CLEAN.arm}\` loses ${percent(-mean)} points in the mean, more than ${percent(CLEAN.margin)}.`
}

/** Arms with the same best rate are trained by one command, which imports torch once. */
export function armsByRate({ name, arms }, rates) {
  const groups = new Map()
  for (const arm of arms) {
    const rate = bestRate(rates, name, arm)
    groups.set(rate, [...(groups.get(rate) ?? []), arm])
  }
  return groups
}

function trainArms({ name, experiment, params }, arms, rate, seeds, jobs) {
  train({ experiment, prefix: `table-${name}`, arms, seeds, jobs, params: [...params, `lr=${rate}`] })
}
