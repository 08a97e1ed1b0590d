/** Forks a run: a new run that starts from a checkpoint of another one, with edits from there on. */
import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { applyEdit } from '../controller/decisions/edits.js'
import { withEdits } from '../controller/decisions/rows.js'
import { initialState } from '../controller/state/state.js'
import { AbsgdError } from '../errors.js'
import { compileRun } from '../experiment/run-schedule.js'
import { compileEdit, requireInRange } from '../experiment/controls/compile-edit.js'
import type { ResolvedExperiment } from '../experiment/resolve-experiment.js'
import { copyCheckpoint } from '../log/checkpoints/checkpoint-store.js'
import { problemOf } from '../log/checkpoints/checkpoint-files.js'
import { createRunDirectory, readManifest, removeNewRunDirectory } from '../log/run-directory.js'
import { readRun } from '../log/read-run.js'
import { readStepEntries } from '../log/files/named-entries.js'
import {
  newestWhole,
  unrecordedCheckpoints,
  type LoggedCheckpoints,
} from '../log/checkpoints/whole-checkpoint.js'
import { openLogWriter } from '../log/files/log-writer.js'
import { addCheckpoint, visibleCheckpoints } from '../history/visible-checkpoints.js'
import { editsAfter, foldEdits, type EditEntry } from '../history/edit-history.js'
import type { Manifest } from '../record/manifest.js'
import type { Body, CheckpointWritten, ControlEdit, Hello, Request } from '../record/record.js'
import { firstHello } from './restore-feedback.js'
import type { RewindPoint } from '../history/visible-steps.js'
import { VERSION } from '../version.js'
import { encodeRecord } from '../wire/codec.js'

export interface ForkOptions {
  readonly resolved: ResolvedExperiment
  /** The name of the new run. */
  readonly name: string
  /** Steps done at the checkpoint. @default the newest checkpoint */
  readonly at?: number
  /** Edits at the step of the checkpoint. */
  readonly edits: readonly ControlEdit[]
  readonly why: string
  /** Whether the parent's edits are kept. @default true */
  readonly inherits?: boolean
  /** Whether only the checkpoint of `at` may be used. @default the one before it is used if it is damaged */
  readonly exact?: boolean
}

export interface ForkedRun {
  readonly dir: string
  readonly manifest: Manifest
  /** Steps done at the checkpoint. */
  readonly at: number
  /** One sentence for each newer checkpoint that could not be used. */
  readonly notes: readonly string[]
}

/**
 * Makes the directory of a run that starts from a checkpoint of the run in `dir`. If the checkpoint is damaged, missing or cannot
 * be read, the whole one before it is used. `startRun` trains the new run.
 *
 * @throws AbsgdError 'run-directory' if there is no such checkpoint, naming the two nearest, or none is whole; 'usage' or
 * 'experiment' for an edit that is not allowed; 'log' if the disk cannot be written. No directory is left then.
 */
export async function forkRun(dir: string, options: ForkOptions): Promise<ForkedRun> {
  const parent = readManifest(dir)
  requireTask(parent, options.resolved)
  const logged = await readParent(dir)
  const { checkpoint, notes } = checkpointAt(dir, parent.run, logged, options)
  const { step } = checkpoint.position
  const { inherits = true } = options
  const edits = inherits ? editsAfter(logged.edits, { attempt: 1, toStep: step, cause: 'fork' }) : []
  const opening = openingOf(options, step, edits, logged)

  const manifest: Manifest = {
    ...parent,
    run: options.name,
    createdAt: new Date().toISOString(),
    version: VERSION,
    parent: { run: parent.run, dir, step },
  }
  const forked = createRunDirectory(dirname(dir), options.name, manifest)
  try {
    const position = { attempt: 1, step }
    const path = copyCheckpoint({ from: dir, checkpoint, to: forked, position })
    const bodies: Body[] = [
      { type: 'rewind', attempt: 1, toStep: step, cause: 'fork' },
      { ...checkpoint, position, path, deleted: [] },
      ...notes.map((text): Body => ({ type: 'note', level: 'warning', text, position })),
      ...opening,
    ]
    await writeLog(forked, bodies)
  } catch (error) {
    removeNewRunDirectory(forked)
    throw error
  }
  return { dir: forked, manifest, at: step, notes }
}

/** Whether the run in `dir` has a whole checkpoint at `step`. */
export async function hasCheckpoint(dir: string, step: number): Promise<boolean> {
  const { checkpoints } = await readParent(dir)
  return checkpoints.some(
    (checkpoint) => checkpoint.position.step === step && problemOf(dir, checkpoint) === undefined,
  )
}

/** Whether a controller has driven the run in `dir`. */
export async function wasDriven(dir: string): Promise<boolean> {
  for await (const { body } of readStepEntries(dir)) if (body?.type === 'controller-started') return true
  return false
}

function requireTask({ run, config }: Manifest, { program }: ResolvedExperiment): void {
  if (config.simulated === true || program.kind === 'task') return
  throw new AbsgdError(
    'run-directory',
    `the run "${run}" is a script's, which saves itself: it cannot be forked`,
    {
      hint: 'start the script anew from what it saved, under "absgd run" or "absgd attach" with --set',
    },
  )
}

type Requested = Extract<Body, { type: 'requested' }>

interface Parent extends LoggedCheckpoints {
  readonly hello: Hello
  readonly edits: readonly EditEntry[]
  /** By id. */
  readonly requests: ReadonlyMap<string, Requested>
}

async function readParent(dir: string): Promise<Parent> {
  let checkpoints: readonly CheckpointWritten[] = []
  let edits: readonly EditEntry[] = []
  const rewinds: RewindPoint[] = []
  const requests = new Map<string, Requested>()
  for await (const { body } of readRun(dir, { streams: ['steps'] })) {
    if (body.type === 'requested') requests.set(body.request.id, body)
    if (body.type === 'checkpoint-written') checkpoints = addCheckpoint(checkpoints, body, rewinds)
    edits = foldEdits(edits, body)
    if (body.type !== 'rewind') continue
    rewinds.push(body)
    checkpoints = visibleCheckpoints(checkpoints, rewinds)
  }
  const hello = await firstHello(dir)
  if (hello !== undefined) return { hello, checkpoints, rewinds, edits, requests }
  throw new AbsgdError('run-directory', `no worker ever joined the run in ${dir}: there is nothing to fork`)
}

function checkpointAt(
  dir: string,
  run: string,
  logged: LoggedCheckpoints,
  { at, exact = false }: ForkOptions,
): { readonly checkpoint: CheckpointWritten; readonly notes: readonly string[] } {
  const unrecorded = unrecordedCheckpoints(dir, logged)
  const steps = [...logged.checkpoints, ...unrecorded].map(({ position }) => position.step)
  if (at === undefined ? steps.length === 0 : !steps.includes(at)) throw noCheckpoint(run, steps, at)
  const { checkpoint, notes } = newestWhole(dir, logged, at)
  if (checkpoint !== undefined && !(exact && checkpoint.position.step !== at)) return { checkpoint, notes }
  throw new AbsgdError('run-directory', `the run "${run}" cannot be forked: ${notes.join('; ')}`, {
    hint: 'put a whole copy of the checkpoint in its place',
  })
}

function noCheckpoint(run: string, steps: readonly number[], at: number | undefined): AbsgdError {
  const wanted = at ?? 0
  const near = steps.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted)).slice(0, 2)
  return new AbsgdError(
    'run-directory',
    at === undefined
      ? `the run "${run}" has no checkpoint`
      : `the run "${run}" has no checkpoint at step ${at}`,
    {
      hint:
        near.length === 0
          ? '"absgd checkpoint" writes one while it trains'
          : `the nearest ${near.length === 1 ? 'is' : 'are'} at step ${near.toSorted((a, b) => a - b).join(' and step ')}`,
    },
  )
}

/** The records of the parent's edits, and of the new ones. */
function openingOf(
  { resolved, edits, why }: ForkOptions,
  step: number,
  inherited: readonly EditEntry[],
  { hello, requests }: Parent,
): readonly Body[] {
  const position = { attempt: 1, step }
  const source = compileRun(resolved, { stepsPerEpoch: hello.stepsPerEpoch })
  const before: Body[] = [
    // The ledger reads from them who made each edit, when and why.
    ...requestsOf(inherited, requests),
    ...inherited.map(({ edited }): Body => ({ ...edited, position: { ...edited.position, attempt: 1 } })),
    ...answersOf(inherited),
  ]
  if (edits.length === 0) return before
  const late = edits.find(({ when }) => when.kind !== 'soon')
  if (late !== undefined) {
    throw new AbsgdError('usage', `the edit of ${late.control} is for another step than the fork's`, {
      hint: 'a fork is changed at its checkpoint: leave out @…, and use "absgd set" once it trains',
    })
  }
  const request: Request = {
    type: 'request',
    id: randomUUID(),
    by: 'cli',
    why,
    action: { type: 'set', edits, checkpoint: false },
  }
  const context = { compileEdit, requireInRange }
  let state = withEdits({ ...initialState(), source }, inherited, hello, context)
  const made = edits.map(({ control, to }): Body => {
    const requested = { type: 'edited', request: request.id, by: 'cli', position, control, to } as const
    const { next, entry } = applyEdit(state, requested, hello, context)
    state = next
    return entry
  })
  const result = {
    type: 'request-result',
    id: request.id,
    ok: true,
    step,
    message: 'made by the fork',
  } as const
  return [...before, { type: 'requested', request, position }, ...made, { type: 'settled', result }]
}

function requestsOf(inherited: readonly EditEntry[], requests: Parent['requests']): readonly Body[] {
  return idsOf(inherited).flatMap((id): Body[] => {
    const body = requests.get(id)
    return body === undefined ? [] : [{ ...body, position: { ...body.position, attempt: 1 } }]
  })
}

/** One result per request, with the first step at which one of its edits took effect. */
function answersOf(inherited: readonly EditEntry[]): readonly Body[] {
  return idsOf(inherited).map((id) => {
    const own = inherited.filter(({ edited }) => edited.request === id)
    const step = Math.min(...own.map(({ effective }) => effective))
    return { type: 'settled', result: { type: 'request-result', id, ok: true, step, message: '' } }
  })
}

function idsOf(inherited: readonly EditEntry[]): readonly string[] {
  return [...new Set(inherited.map(({ edited }) => edited.request))]
}

async function writeLog(dir: string, bodies: readonly Body[]): Promise<void> {
  const log = openLogWriter(dir)
  const incarnation = randomUUID().replaceAll('-', '').slice(0, 16)
  for (const [i, body] of bodies.entries()) {
    log.append(
      'steps',
      encodeRecord({ origin: 'controller', incarnation, seq: i + 1, timeMs: Date.now(), body }),
    )
  }
  await log.close()
}
