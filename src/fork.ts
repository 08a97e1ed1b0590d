/** A new run from a checkpoint of another one: the same experiment, with what is changed from there on. */
import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { rowsOf, withEdits } from './controller/rows.js'
import { initialState } from './controller/state.js'
import { AbsgdError } from './errors.js'
import { compileRun } from './experiment/compile.js'
import { compileEdit, requireInRange } from './experiment/edit.js'
import type { ResolvedExperiment } from './experiment/resolve.js'
import { copyCheckpoint } from './log/checkpoint-store.js'
import { createRunDirectory, readManifest } from './log/directory.js'
import { readRun } from './log/reader.js'
import { openLogWriter } from './log/writer.js'
import { addCheckpoint, visibleCheckpoints } from './record/checkpoints.js'
import { addEdit, editsAfter, settleEdits, type EditEntry } from './record/edit-history.js'
import type { Manifest } from './record/manifest.js'
import type { Body, CheckpointWritten, ControlEdit, Decided, Hello, Request } from './record/record.js'
import type { RewindPoint } from './record/visible.js'
import { VERSION } from './version.js'
import { encodeRecord } from './wire/codec.js'

export interface ForkOptions {
  readonly resolved: ResolvedExperiment
  /** Of the new run. */
  readonly name: string
  /** Steps done at the checkpoint. @default the newest checkpoint */
  readonly at?: number
  /** Made at that step. */
  readonly edits: readonly ControlEdit[]
  readonly why: string
}

/**
 * Makes the directory of a run that begins at a checkpoint of the run in `dir`. Whoever takes it up trains it from there.
 *
 * @throws AbsgdError 'run-directory' where there is no such checkpoint, naming the two nearest; 'usage' or 'experiment' for an
 * edit that the run does not take. Nothing is left behind then.
 */
export async function forkRun(
  dir: string,
  options: ForkOptions,
): Promise<{ readonly dir: string; readonly manifest: Manifest; readonly at: number }> {
  const parent = readManifest(dir)
  const logged = await readParent(dir)
  const checkpoint = checkpointAt(parent.run, logged.checkpoints, options.at)
  const { step } = checkpoint.position
  const edits = editsAfter(logged.edits, { attempt: 1, toStep: step, cause: 'fork' })
  const opening = openingOf(options, step, edits, logged)

  const manifest: Manifest = {
    ...parent,
    run: options.name,
    createdAt: new Date().toISOString(),
    version: VERSION,
    parent: { run: parent.run, dir, step },
  }
  const forked = createRunDirectory(dirname(dir), options.name, manifest)
  const path = copyCheckpoint({
    from: dir,
    path: checkpoint.path,
    to: forked,
    position: { attempt: 1, step },
  })
  const bodies: Body[] = [
    { type: 'rewind', attempt: 1, toStep: step, cause: 'fork' },
    { ...checkpoint, position: { attempt: 1, step }, path, deleted: [] },
    ...logged.decided
      .filter(({ position }) => position.step < step + KEPT_DECISIONS)
      .map((body): Body => ({ ...body, position: { ...body.position, attempt: 1 } })),
    ...opening,
  ]
  await writeLog(forked, bodies)
  return { dir: forked, manifest, at: step }
}

interface Parent {
  readonly hello: Hello
  readonly checkpoints: readonly CheckpointWritten[]
  readonly edits: readonly EditEntry[]
  readonly decided: readonly Decided[]
}

async function readParent(dir: string): Promise<Parent> {
  let hello: Hello | undefined
  let checkpoints: readonly CheckpointWritten[] = []
  let edits: readonly EditEntry[] = []
  let decided: Decided[] = []
  const rewinds: RewindPoint[] = []
  for await (const { body } of readRun(dir, { streams: ['steps'] })) {
    if (body.type === 'worker-joined') hello ??= body.hello
    if (body.type === 'checkpoint-written') checkpoints = addCheckpoint(checkpoints, body, rewinds)
    if (body.type === 'edited') edits = addEdit(edits, body)
    if (body.type === 'settled') edits = settleEdits(edits, body.result)
    if (body.type === 'decided') decided.push(body)
    if (body.type !== 'rewind') continue
    rewinds.push(body)
    edits = editsAfter(edits, body)
    checkpoints = visibleCheckpoints(checkpoints, rewinds)
    decided = decided.filter(({ position }) => position.step < body.toStep)
  }
  if (hello !== undefined) return { hello, checkpoints, edits, decided }
  throw new AbsgdError('run-directory', `no worker ever joined the run in ${dir}: there is nothing to fork`)
}

function checkpointAt(
  run: string,
  checkpoints: readonly CheckpointWritten[],
  at: number | undefined,
): CheckpointWritten {
  const found =
    at === undefined ? checkpoints.at(-1) : checkpoints.findLast(({ position }) => position.step === at)
  if (found !== undefined) return found
  const steps = checkpoints.map(({ position }) => position.step)
  const wanted = at ?? 0
  const near = steps.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted)).slice(0, 2)
  throw new AbsgdError(
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

/** The parent's edits that hold, and those that are made now. */
function openingOf(
  { resolved, edits, why }: ForkOptions,
  step: number,
  inherited: readonly EditEntry[],
  { hello }: Parent,
): readonly Body[] {
  const position = { attempt: 1, step }
  const source = compileRun(resolved, { stepsPerEpoch: hello.stepsPerEpoch })
  const before: Body[] = inherited.flatMap(({ edited, effective }): Body[] => [
    { ...edited, position: { ...edited.position, attempt: 1 } },
    {
      type: 'settled',
      result: { type: 'request-result', id: edited.request, ok: true, step: effective, message: '' },
    },
  ])
  if (edits.length === 0) return before
  const request: Request = {
    type: 'request',
    id: randomUUID(),
    by: 'cli',
    why,
    action: { type: 'set', edits, checkpoint: false },
  }
  let state = withEdits({ ...initialState(), source }, inherited, hello, { compileEdit })
  const made = edits.map(({ control, to }): Body => {
    const bare = { type: 'edited', request: request.id, by: 'cli', position, control, to } as const
    const entry = { ...bare, before: NaN, after: NaN }
    const old = rowsOf(state)?.rows(step, 1)[control]?.[0] ?? NaN
    state = withEdits(state, addEdit(state.edits, entry), hello, { compileEdit })
    const now = rowsOf(state)?.rows(step, 1)[control] ?? new Float64Array()
    requireInRange(control, now)
    return { ...entry, before: old, after: now[0] ?? NaN }
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

/** Decisions for steps after the checkpoint that were made from reports before it: as far ahead as any lag reaches. */
const KEPT_DECISIONS = 100_000
