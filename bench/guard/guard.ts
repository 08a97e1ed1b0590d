/**
 * Prints the table of docs/results.md, "The guard": trainings drawn at random under a constant lambda from step 0.
 *
 *     node --import ./scripts/typescript.mjs bench/guard/guard.ts [draws, 300] [most cells of B·C, 60,000] [first seed, 0]
 */
import { drawOf, isReported, hasChangedLambda, outcomeOf, type Outcome } from './collapses.js'

const draws = Number(process.argv[2] ?? 300)
const cells = Number(process.argv[3] ?? 60_000)
const from = Number(process.argv[4] ?? 0)
const outcomes: Outcome[] = []
for (let seed = from; seed < from + draws; seed++) {
  const outcome = outcomeOf(drawOf(seed, cells), 200)
  if (outcome.isHealthyOff) outcomes.push(outcome)
  if (!outcome.isHealthyOff || outcome.endsHealthyGuarded || isReported(outcome)) continue
  console.log(`not reported: seed ${seed}, ${JSON.stringify({ ...outcome.toy, lambda: outcome.lambda })}`)
}
console.log(`${draws} draws, ${outcomes.length} of them healthy at lambda off\n`)
console.log(
  '| λ | runs | collapse | of these reported | healthy under the guard | healthy anyway | of these backed off | of these only warned |',
)
console.log('|---|---|---|---|---|---|---|---|')
for (const [name, isOne] of [
  ['< 0', (lambda: number) => lambda < 0],
  ['> 0', (lambda: number) => lambda > 0],
] as const) {
  const own = outcomes.filter(({ lambda }) => isOne(lambda))
  const collapse = own.filter(({ endsHealthy }) => !endsHealthy)
  const healthy = own.filter(({ endsHealthy }) => endsHealthy)
  const reported = collapse.filter(isReported)
  const mended = collapse.filter(({ endsHealthyGuarded }) => endsHealthyGuarded)
  const touched = healthy.filter(hasChangedLambda)
  const warned = healthy.filter((one) => one.backOffs.length > 0 && !hasChangedLambda(one))
  const counts = [own, collapse, reported, mended, healthy, touched, warned].map(({ length }) => length)
  console.log(`| ${[name, ...counts].join(' | ')} |`)
}
