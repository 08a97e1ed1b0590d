/** The page of `absgd show`: the settings of a run, its status and its results. */
import { reviewsInWords } from '../../history/reviews.js'
import type { RunSummary, SummaryConfig } from '../../history/summarize-run.js'
import { DEFAULT_WEIGHTING, weightingInWords } from '../../record/weighting-rule.js'
import { formatBytes, formatCount, formatDuration, formatNumber } from '../text/format.js'
import { flow, labelled, WIDTH, wrap } from '../text/layout.js'
import { nonFiniteInWords } from './non-finite.js'
import { sanitize, sanitizeLines } from '../text/sanitize.js'
import {
  controlsInWords,
  damageInWords,
  metricsInWords,
  paramsInWords,
  statusInWords,
} from '../text/wording.js'

/** The settings of the run. */
export function headerLines(run: string, dir: string, config: SummaryConfig): string[] {
  const { experiment, arm, params, task, length, objective, weighting = DEFAULT_WEIGHTING } = config
  const lines = [
    ...simulatedLines(config),
    ...wrap(`${run}: ${experiment}${arm === undefined ? '' : `, arm ${arm}`}`),
    ...entry('task', task),
    ...entry('length', length),
    ...entry('evaluate', config.evaluate),
    ...entry('checkpoint', config.checkpoint),
    ...(objective === undefined ? [] : entry('objective', `${objective.goal} ${objective.metric}`)),
    ...(Object.keys(params).length === 0 ? [] : entry('params', paramsInWords(params))),
    ...Object.entries(config.controls).flatMap(([name, words]) => entry(name, words)),
    ...(weighting.preset === 'default' ? [] : entry('weighting', weightingInWords(weighting))),
    ...entry('directory', dir),
  ]
  return lines.map(sanitize)
}

/** A warning before the figures of a simulated run; no line for other runs. */
export function simulatedLines({ simulated }: Pick<SummaryConfig, 'simulated'>): string[] {
  return simulated === true ? ['simulated: no model is trained; every figure is that of a toy'] : []
}

/** The status of a run: the last lines of `absgd run`. */
export function endLines(summary: RunSummary, { withDetail = true } = {}): string[] {
  const { reason = '' } = summary
  return [
    ...wrap(headline(summary)).map(sanitize),
    ...(reason === '' ? [] : wrap(reason, { indent: '  ' }).map(sanitize)),
    ...unweighedLines(summary).map(sanitize),
    ...outcomeLines(summary, { withDetail }),
  ]
}

/** The results of a run, printed below its status. */
export function outcomeLines(summary: RunSummary, { withDetail = true } = {}): string[] {
  const { final, best, detail = '', damage = [], nonFinite = [], reviews = [] } = summary
  const lines = [
    ...(withDetail && detail !== '' ? detailLines(detail) : []),
    ...(reviews.length === 0 ? [] : entry('review', reviewsInWords(reviews))),
    ...metricEntry('final', metricsInWords(objectiveFirst(withoutInternals(final), summary))),
    ...bestEntry(best),
    ...nonFiniteInWords(nonFinite).flatMap((text) => entry('not finite', text)),
    ...(summary.mirrors ?? []).flatMap(({ name, place, command }) => entry(name, command ?? place)),
    ...entry('log', logInWords(summary)),
    ...damage.flatMap((damaged) => entry('damaged', damageInWords(damaged))),
    ...(summary.holder === undefined ? [] : heldEntry(summary, summary.holder)),
    ...nextEntry(summary),
  ]
  return lines.map(sanitize)
}

/** The command that continues a run which does not continue by itself. */
function nextEntry({ status, run, pids, damage = [] }: RunSummary): string[] {
  if (damage.some(({ reason }) => reason === 'newer'))
    return entry('next', 'a newer absgd wrote this run: install that version (npm install absgd@latest)')
  if (status !== 'lost') return []
  if (pids === undefined) return entry('next', `absgd resume ${run}`)
  return entry('next', `absgd resume ${run}: a new controller joins the worker (pid ${pids.worker ?? '-'})`)
}

/** A note for a run that ended without any weighted loss. */
function unweighedLines({ status, steps, config }: RunSummary): string[] {
  const isOver = status === 'completed' || status === 'stopped'
  if (steps > 0 || !isOver || config.simulated === true) return []
  return wrap('no loss was weighed: a step is an optimizer step that a weighed loss led to', { indent: '  ' })
}

function heldEntry({ run }: RunSummary, holder: string): string[] {
  return [
    ...entry('held', holder),
    ...entry('next', `stop it there; only where it has certainly ended: absgd resume ${run} --take-over`),
  ]
}

/** All lines of `absgd show`. */
export function pageLines(summary: RunSummary): string[] {
  const { run, dir, config, controls, final, checkpoints, warnings, pids } = summary
  const internals = Object.fromEntries(Object.entries(final).filter(([name]) => INTERNALS.test(name)))
  const last = checkpoints.at(-1)
  const more = [
    ...metricEntry('controls', controlsInWords(controls)),
    ...metricEntry('weights', metricsInWords(internals)),
    ...(last === undefined
      ? []
      : entry(
          'on disk',
          `${checkpoints.length} ${plural(checkpoints.length, 'checkpoint')}, the last after ${formatCount(last.step)} steps: ${last.path} (${formatBytes(last.bytes)})`,
        )),
    ...(pids === undefined
      ? []
      : entry('processes', `controller ${pids.controller ?? '-'}, worker ${pids.worker ?? '-'}`)),
    ...warnings.flatMap((text) => entry('warning', text)),
  ]
  return [...headerLines(run, dir, config), '', ...endLines(summary), ...more.map(sanitize)]
}

/** `  label       text`. */
export function entry(label: string, text: string): string[] {
  return labelled(label, sanitize(text), { labelWidth: LABEL_WIDTH })
}

/** At most the last 40 lines, indented. */
export function detailLines(detail: string): string[] {
  const lines = sanitizeLines(detail.trimEnd()).slice(-DETAIL_LINES)
  return lines.map((line) => `    ${line}`)
}

/** `completed after 1,920 steps (60 epochs), 27 s`. */
export function headline(summary: RunSummary): string {
  const { steps, runSteps, epochs, attempt, seconds, config } = summary
  const simulated = config.simulated === true ? 'simulated: ' : ''
  const of = runSteps === null || steps === runSteps ? '' : ` of ${formatCount(runSteps)}`
  const inEpochs = epochs === null ? '' : ` (${formatNumber(epochs)} ${plural(epochs, 'epoch')})`
  const inAttempt = attempt > 1 ? `, attempt ${attempt}` : ''
  const done = `${formatCount(steps)}${of} ${plural(runSteps ?? steps, 'step')}`
  return `${simulated}${statusInWords(summary)} after ${done}${inEpochs}${inAttempt}, ${formatDuration(seconds)}`
}

function bestEntry(best: RunSummary['best']): string[] {
  if (best === null) return []
  const { metric, value, step } = best
  const beside = metricsInWords(
    Object.fromEntries(Object.entries(best.metrics).filter(([name]) => name !== metric)),
  )
  return metricEntry('best', [
    `${metric} ${formatNumber(value)} after ${formatCount(step + 1)} ${plural(step + 1, 'step')}`,
    ...beside,
  ])
}

function logInWords({ waits, workerRestarts, lostSteps, duplicatedSteps }: RunSummary): string {
  return [
    `${formatCount(waits)} ${plural(waits, 'wait')}`,
    `${workerRestarts} ${plural(workerRestarts, 'worker restart')}`,
    `${formatCount(lostSteps)} lost ${plural(lostSteps, 'step')}`,
    `${formatCount(duplicatedSteps)} duplicated`,
  ].join(', ')
}

function metricEntry(label: string, items: readonly string[]): string[] {
  const indent = `  ${label.padEnd(LABEL_WIDTH)}  `
  return flow(items.map(sanitize), { width: WIDTH, indent, hanging: ' '.repeat(indent.length) })
}

function withoutInternals(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([name]) => !INTERNALS.test(name)))
}

/** Among the metrics of evaluations, the metric of the objective is first. */
function objectiveFirst(
  metrics: Readonly<Record<string, number>>,
  { config: { objective } }: RunSummary,
): Record<string, number> {
  const rank = (name: string) => (name.startsWith('train.') ? 0 : name === objective?.metric ? 1 : 2)
  return Object.fromEntries(Object.entries(metrics).toSorted(([a], [b]) => rank(a) - rank(b)))
}

function plural(count: number, noun: string): string {
  return count === 1 ? noun : `${noun}s`
}

/** Metrics about the weights. They do not show how well training goes. */
export const INTERNALS = /^train\.(.+\.)?(weighted_loss|ess_ratio|kl|sum_w|max_w|effective_lr)$/
const LABEL_WIDTH = 10
const DETAIL_LINES = 40
