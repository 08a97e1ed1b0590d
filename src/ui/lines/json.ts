/**
 * A run as one JSON object a line, for programs (`--ui json`).
 *
 * Every object has `type`, and, where it belongs to a point of the run, `attempt` and `step`:
 * - `start`       run, version, pid of the controller, manifest
 * - `worker`      state "joined": worker, pid, device, stepsPerEpoch, runSteps; "left": exitCode, signal, lastLines
 * - `phase`       phase ("training", "paused", …), waits
 * - `report`      for the steps firstStep … step: controls of the last step, metrics averaged over the steps
 * - `evaluation`  split, metrics by `split.metric`; step is the step before the evaluation
 * - `checkpoint`  path, bytes, seconds, deleted; step is the number of steps done
 * - `request`     id, by, why, action;  `answer`  id, ok, step, message
 * - `rewind`      toStep, cause: steps from there on of earlier attempts are no longer part of the run
 * - `gap`         firstStep, reason: samples are no longer recorded
 * - `note`        level, text;  `summary`  values
 * - `end`         the last line: every field of RunSummary (history/summary.ts)
 *
 * JSON has no NaN and no infinities: every command prints them as the strings "NaN", "Infinity" and "-Infinity". A lambda of
 * "Infinity" is off. `nonFinite` of the `end` line lists the losses and metrics that were NaN or infinite, and when.
 * Plans, their answers and samples are only in the log.
 */
import { metricsOf } from '../../history/evaluations.js'
import type { Body, LogRecord, StepBatch } from '../../record/record.js'
import { meanNumbers, rowAt } from '../../history/series/step-numbers.js'
import type { RunSummary } from '../../history/summarize-run.js'

export type JsonObject = Readonly<Record<string, unknown>>

/** The line of a record, without a line break; none for records that are not shown. */
export function recordLine(record: LogRecord): string[] {
  const object = toObject(record.body)
  return object === undefined ? [] : [jsonText({ ...object, time: new Date(record.timeMs).toISOString() })]
}

/** The last line of a run. */
export function endLine(summary: RunSummary): string {
  return jsonText({ type: 'end', ...summary })
}

/** JSON on one line, without characters that change a terminal. Numbers as described above. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_, entry: unknown) => {
    if (typeof entry === 'number' && !Number.isFinite(entry)) return String(entry)
    return ArrayBuffer.isView(entry) ? [...(entry as Float64Array)] : entry
  })
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function toObject(body: Body): JsonObject | undefined {
  switch (body.type) {
    case 'controller-started': {
      const { version, pid, manifestJson } = body
      return { type: 'start', version, pid, manifest: parsed(manifestJson) }
    }
    case 'worker-joined': {
      const { hello, attempt, runSteps } = body
      const { peer: worker, pid, device, stepsPerEpoch, position } = hello
      const joined = { type: 'worker', state: 'joined', attempt, step: position.step }
      return { ...joined, worker, pid, device, stepsPerEpoch, runSteps: runSteps === 0 ? null : runSteps }
    }
    case 'worker-left': {
      const { exitCode = null, signal, lastLines, position } = body
      return { type: 'worker', state: 'left', ...position, exitCode, signal, lastLines }
    }
    case 'progress':
      return { type: 'phase', ...body.position, phase: body.phase, waits: body.waits }
    case 'step-batch':
      return report(body)
    case 'evaluation': {
      const { attempt, step, split, seconds } = body
      return { type: 'evaluation', attempt, step, split, metrics: metricsOf(body), seconds }
    }
    case 'checkpoint-written': {
      const { position, path, bytes, seconds, deleted } = body
      return { type: 'checkpoint', ...position, path, bytes, seconds, deleted }
    }
    case 'requested': {
      const { id, by, why, action } = body.request
      return { type: 'request', ...body.position, id, by, why, action }
    }
    case 'settled': {
      const { id, ok, step, message } = body.result
      return { type: 'answer', step, id, ok, message }
    }
    case 'rewind':
    case 'gap':
    case 'summary':
      return { ...body }
    case 'edited': {
      const { request, by, position, control, to, before, after } = body
      return { type: 'edit', ...position, request, by, control, to, before, after }
    }
    case 'decided': {
      const { control, position, value, saturated = null, mark } = body
      return { type: 'decision', ...position, control, value, saturated, mark }
    }
    case 'note':
      return { type: 'note', ...body.position, level: body.level, text: body.text }
    case 'plan':
    case 'plan-ack':
    case 'bye':
    case 'run-ended':
    case 'sample-batch':
    case 'sample-info':
    case 'sample-predictions':
      return undefined
    default:
      return body satisfies never
  }
}

function report(batch: StepBatch): JsonObject {
  const { attempt, firstStep, count, waits } = batch
  const step = firstStep + count - 1
  const metrics = meanNumbers(batch)
  return {
    type: 'report',
    attempt,
    firstStep,
    step,
    controls: rowAt(batch.controls, count - 1),
    metrics,
    waits,
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

/** Characters that change a terminal or reorder text, and that JSON.stringify does not escape. */
const UNSAFE = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g
