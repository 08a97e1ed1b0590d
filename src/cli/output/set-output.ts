/** The output of a command that trains a set of runs. */
import type { AbsgdError } from '../../errors.js'
import { comparisonLines, seedsInWords } from '../../ui/lines/comparison.js'
import { formatDuration } from '../../ui/text/format.js'
import { endLine, jsonText } from '../../ui/lines/json.js'
import { wrap } from '../../ui/text/layout.js'
import { simulatedLines } from '../../ui/lines/page.js'
import {
  beginningLine,
  endingLines,
  refusedLines,
  secondsLeft,
  type Beginning,
  type SetProgress,
} from '../../ui/lines/run-set.js'
import type { RunSummary } from '../../history/summarize-run.js'
import type { RunSet } from '../../run/run-set.js'
import { compareRuns, type Comparison } from '../../statistics/compare-runs.js'
import type { LinesUi } from '../ui-option.js'
import { toStdout, type Print } from './print.js'

export interface SetOutput {
  begin(run: string, beginning: Beginning): void
  over(summary: RunSummary): void
  /** Reports a run that could not be started. */
  refuse(run: string, error: AbsgdError): void
  /** Prints the comparison and the status of the set. @param summaries - of all existing runs of the set, in its order */
  end(summaries: readonly RunSummary[]): void
}

export interface SetOutputOptions {
  readonly ui: LinesUi
  readonly jobs: number
  readonly threads: number | undefined
  /** @default the comparison of the arms */
  readonly answer?: Answer
}

/** What a set of runs shows: from the summaries of all existing runs of the set, in its order. */
export type Answer = (summaries: readonly RunSummary[]) => {
  readonly json: Readonly<Record<string, unknown>> & { readonly type: string }
  readonly lines: readonly string[]
}

/** Prints the runs that are completed already, and then the progress of the others. */
export function createSetOutput(set: RunSet, options: SetOutputOptions, print: Print = toStdout): SetOutput {
  const { ui, jobs } = options
  const started = performance.now()
  const total = set.runs.length
  const completed = set.runs.flatMap(({ summary }) => (summary?.status === 'completed' ? [summary] : []))
  const beganMs = new Map<string, number>()
  const durations: number[] = []
  let over = completed.length

  const plain = (lines: readonly string[]) => {
    if (ui === 'plain') for (const line of lines) print(line)
  }
  const progress = (): SetProgress => {
    const now = performance.now()
    const running = [...beganMs.values()].map((began) => (now - began) / 1000)
    const waiting = total - over - beganMs.size
    return { over, total, secondsLeft: secondsLeft(durations, running, waiting, jobs) }
  }
  const leave = (run: string) => {
    const began = beganMs.get(run)
    beganMs.delete(run)
    over += 1
    return began === undefined ? 0 : (performance.now() - began) / 1000
  }

  plain(openingLines(set, options, completed.length))
  if (ui === 'json') for (const summary of completed) print(endLine(summary))
  return {
    begin(run, beginning) {
      plain([beginningLine(run, beginning, progress())])
      beganMs.set(run, performance.now())
    },
    over(summary) {
      const seconds = leave(summary.run)
      if (summary.status === 'completed') durations.push(seconds)
      plain(endingLines(summary, seconds, progress()))
      if (ui === 'json') print(endLine(summary))
    },
    refuse(run, { message, hint }) {
      leave(run)
      plain(refusedLines(run, hint === undefined ? message : `${message}; ${hint}`, progress()))
      if (ui === 'json') print(jsonText({ type: 'not-started', run, message, hint: hint ?? null }))
    },
    end(summaries) {
      const { json, lines } = options.answer?.(summaries) ?? comparisonAnswer(set, summaries)
      if (ui === 'json') print(jsonText(json))
      const seconds = (performance.now() - started) / 1000
      const shown = lines.length === 0 ? [] : [...lines, '']
      plain(['', ...shown, ...closingLines(set, summaries, seconds)])
    },
  }
}

function openingLines(
  { arms, seeds, runs, root }: RunSet,
  options: SetOutputOptions,
  done: number,
): string[] {
  const { jobs, threads } = options
  const experiment = runs[0]?.manifest.experiment ?? ''
  const axes = [
    ...(arms[0] === undefined ? [] : [`${counted(arms.length, 'arm')} (${arms.join(', ')})`]),
    ...(seeds === undefined ? [] : [`${counted(seeds.length, 'seed')} (${seedsInWords(seeds)})`]),
  ]
  const how = [
    counted(runs.length, 'run'),
    ...(done === 0 ? [] : [`${done} of them completed already`]),
    jobs === 1 ? 'one at a time' : `${jobs} at a time`,
    ...(threads === undefined ? [] : [`${counted(threads, 'thread')} each`]),
  ]
  return [
    ...simulatedLines(runs[0]?.manifest.config ?? {}),
    ...wrap(`${experiment}: ${axes.join(' × ')}`, { hanging: '  ' }),
    ...wrap(`${how.join(', ')}; in ${root}`, { indent: '  ' }),
  ]
}

function comparisonAnswer(set: RunSet, summaries: readonly RunSummary[]): ReturnType<Answer> {
  const comparison = comparisonOf(set, summaries)
  const lines = comparison.arms.length === 0 ? [] : comparisonLines(comparison)
  return { json: { type: 'comparison', ...comparison }, lines }
}

/** The comparison with the arms in the order of the set, even if the first run failed. */
function comparisonOf({ arms }: RunSet, summaries: readonly RunSummary[]): Comparison {
  const byArm = arms.flatMap((arm) => summaries.filter(({ config }) => config.arm === arm))
  const [baseline] = arms
  return compareRuns(byArm, baseline === undefined || byArm.length === 0 ? {} : { baseline })
}

function closingLines({ runs }: RunSet, summaries: readonly RunSummary[], seconds: number): string[] {
  const completed = summaries.filter(({ status }) => status === 'completed').length
  const all = completed === runs.length
  const done = `${completed}${all ? '' : ` of ${runs.length}`} runs completed, ${formatDuration(seconds)}`
  const failed = summaries.find(({ status }) => status === 'failed')
  return [
    ...wrap(all ? done : `${done}; the same command goes on with the others`),
    ...(failed === undefined
      ? []
      : wrap(
          `"absgd show ${failed.run}" says more; a failed run begins anew once its directory is removed: ${failed.dir}`,
          { hanging: '  ' },
        )),
  ]
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
