// Learning rates of the table: the means of every rate that was tried, by condition and arm, and the best of them.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../project.mjs'
import { compare, runName, train } from './runs.mjs'
import { markdown, percent } from './markdown.mjs'

const file = join(root, 'scripts', 'ablation', 'learning-rates.json')

/** `{ condition: { arm: { rate: mean } } }`, where the mean is that of the first figure over the seeds. */
export function readRates() {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** Trains every arm at every rate, adds the means to the file, and prints them. */
export async function tune({ conditions, seeds, jobs }) {
  const all = readRates()
  for (const { name, title, experiment, params, arms, figures, rates } of conditions) {
    const means = Object.fromEntries(arms.map((arm) => [arm, {}]))
    for (const rate of rates) {
      const prefix = `tune-${name}-${rate}`
      train({ experiment, prefix, arms, seeds, jobs, params: [...params, `lr=${rate}`] })
      const of = await compare(arms.flatMap((arm) => seeds.map((seed) => runName(prefix, arm, seed))))
      for (const arm of arms) {
        const { mean } = of(figures[0].metric).find((each) => each.name === arm) ?? {}
        if (typeof mean === 'number') means[arm][rate] = Number(mean.toFixed(4))
      }
    }
    all[name] = { ...all[name], ...means }
    writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`)
    const rows = arms.map((arm) => `| \`${arm}\` | ${cellsOf(means[arm], rates).join(' | ')} |`)
    console.log(`\n${title}\n\n${markdown([`${figures[0].title}, %`, ...rates.map(String)], rows)}`)
    for (const arm of arms) warnOfEdge(name, arm, means[arm], rates)
  }
}

/**
 * The rate with the largest mean; the smaller of two that are equal.
 *
 * @throws Error when none was tried
 */
export function bestRate(all, condition, arm) {
  const tried = Object.entries(all[condition]?.[arm] ?? {}).map(([rate, mean]) => [Number(rate), mean])
  if (tried.length === 0)
    throw new Error(
      `no learning rate was tuned for ${arm} of ${condition}: npm run ablation -- --tune --only ${condition} --arms ${arm}`,
    )
  return tried.sort(([rate, mean], [rate2, mean2]) => mean2 - mean || rate - rate2)[0][0]
}

function cellsOf(means, rates) {
  const best = Math.max(...Object.values(means))
  return rates.map((rate) => {
    if (means[rate] === undefined) return ''
    return means[rate] === best ? `**${percent(means[rate])}**` : percent(means[rate])
  })
}

function warnOfEdge(condition, arm, means, rates) {
  const best = bestRate({ [condition]: { [arm]: means } }, condition, arm)
  if (best === Math.min(...rates) || best === Math.max(...rates))
    console.log(`  ${arm}: ${best} is at the edge of what was tried; another one may be better`)
}
