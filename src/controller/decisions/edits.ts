/** Edits of controls: their first step, whether they are allowed, and the plans with them. Pure. */
import { toAbsgdError } from '../../errors.js'
import { addEdit, settleEdits, winnerOf, type EditEntry } from '../../history/edit-history.js'
import type { ControlEdit, Edited, Hello, PlanAck, Request, RequestResult } from '../../record/record.js'
import type { PeerId } from '../../wire/channel.js'
import { currentPosition, reply, settleRequest, withPending, withReply } from './replies.js'
import { extendPlans } from './plan-ahead.js'
import { rowsOf, withEdits } from './rows.js'
import type { ControllerContext, ControllerState, Effect, Lease, Transition } from '../state/state.js'

/** The edits of one request, as they would be if they were made now. */
export type Proposal =
  | { readonly type: 'refused'; readonly why: string }
  /** Every control already has the requested values. */
  | { readonly type: 'no-change'; readonly message: string }
  | {
      readonly type: 'edits'
      /** With the new edits. */
      readonly state: ControllerState
      readonly edited: readonly Edited[]
      /** For people: "lambda -5 → -2". */
      readonly message: string
    }

export type SetRequest = Request & { readonly action: { readonly type: 'set' } }

export function isSet(request: Request): request is SetRequest {
  return request.action.type === 'set'
}

/** The effect of a request's edits if they were made now. Either all of them are allowed, or none is made. */
export function propose(
  before: ControllerState,
  lease: Lease,
  request: SetRequest,
  context: ControllerContext,
): Proposal {
  const { step: now } = currentPosition(before)
  const runSteps = before.source?.runSteps ?? 0
  let state = before
  const edited: Edited[] = []
  const changes: string[] = []
  for (const edit of request.action.edits) {
    const from = firstStepOf(edit, now, lease)
    if (from < now) return refused(`step ${from} has begun already: the run stands after ${now} steps`)
    if (runSteps > 0 && from >= runSteps)
      return refused(`step ${from} is not one of the run: its last is step ${runSteps - 1}`)
    const position = { attempt: before.attempt, step: from }
    const { control, to } = edit
    const requested = { type: 'edited', request: request.id, by: request.by, position, control, to } as const
    try {
      const { next, entry, oldRows, newRows } = applyEdit(state, requested, lease.hello, context)
      const winner = winnerOverLast(next.edits)
      if (winner === undefined && areSame(oldRows, newRows)) {
        changes.push(`${control} is ${shown(control, newRows[0])} already`)
        continue
      }
      edited.push(entry)
      changes.push(
        `${control} ${shown(control, oldRows[0])} → ${shown(control, newRows[0])}` +
          (winner === undefined ? '' : `, overruled by an edit of ${winner.edited.by} at the same step`),
      )
      state = next
    } catch (thrown) {
      const { message, hint } = toAbsgdError(thrown, 'usage')
      return refused(hint === undefined ? message : `${message}; ${hint}`)
    }
  }
  const message = changes.join(', ')
  return edited.length === 0 ? { type: 'no-change', message } : { type: 'edits', state, edited, message }
}

/**
 * Applies one edit to a run. Returns the state with it, its record, and the control's rows from the edit's step on, without
 * the edit and with it.
 *
 * Throws what `compileEdit` and `requireInRange` throw.
 */
export function applyEdit(
  state: ControllerState,
  requested: Omit<Edited, 'before' | 'after'>,
  hello: Pick<Hello, 'stepsPerEpoch' | 'initial'>,
  context: Pick<ControllerContext, 'compileEdit' | 'requireInRange'>,
) {
  const { control, to, position } = requested
  const provisional = addEdit(state.edits, { ...requested, before: NaN, after: NaN })
  const edited = withEdits(state, provisional, hello, context)
  const oldRows = columnOf(state, control, position.step)
  const newRows = columnOf(edited, control, position.step)
  // The values of a schedule were checked when it was compiled.
  if (to.kind === 'factor') context.requireInRange(control, newRows)
  const entry: Edited = { ...requested, before: oldRows[0] ?? NaN, after: newRows[0] ?? NaN }
  return { next: { ...edited, edits: addEdit(state.edits, entry) }, entry, oldRows, newRows }
}

/** Replies to a request that changes nothing, without a record in the log. */
export function replyUnchanged(
  state: ControllerState,
  request: Request,
  peer: PeerId | undefined,
  message: string,
): Transition {
  const { step } = currentPosition(state)
  const result: RequestResult = { type: 'request-result', id: request.id, ok: true, step, message }
  return { state: withReply(state, result), effects: [reply(result, peer)] }
}

interface EditsToApply {
  readonly request: SetRequest
  readonly peer: PeerId | undefined
  /** Made in this very state. */
  readonly proposal: Proposal
  readonly nowMs: number
  /** Added to the reply; empty for none. */
  readonly note?: string
}

/** Records the proposed edits and sends their rows. The reply waits until the worker acknowledges the first plan with them. */
export function applyEdits(
  before: ControllerState,
  lease: Lease,
  { request, peer, proposal, nowMs, note = '' }: EditsToApply,
  context: ControllerContext,
): Transition {
  if (proposal.type === 'refused') return settleRequest(before, { request, peer }, false, proposal.why)
  const message = note === '' ? proposal.message : `${proposal.message}; ${note}`
  if (proposal.type === 'no-change') return settleRequest(before, { request, peer }, true, message)

  const from = Math.min(...proposal.edited.map(({ position }) => position.step))
  const records = proposal.edited.map((body): Effect => ({ type: 'append', body }))
  const { planSeq, sentThrough } = lease.planning
  const replanned = { ...lease, planning: { planSeq, sentThrough: Math.min(sentThrough, from) } }
  const pending = { request, peer, action: request.action }
  const waiting = withPending({ ...proposal.state, lease: replanned }, pending)
  const { state, effects } = extendPlans(waiting, nowMs)
  if (from >= sentThrough) {
    // No row of these steps had been sent: they can only begin with the new ones.
    const settled = settleEdit(state, { request, peer, message, step: from }, context)
    return { state: settled.state, effects: [...records, ...effects, ...settled.effects] }
  }
  const inFlight = { id: request.id, planSeq: planSeq + 1, from, message }
  return {
    state: { ...state, editsInFlight: [...state.editsInFlight, inFlight] },
    effects: [...records, ...effects],
  }
}

/** The worker reports the first step that uses the rows of a plan. */
export function onPlanAck(state: ControllerState, ack: PlanAck, context: ControllerContext): Transition {
  const record: Effect = { type: 'append', body: ack }
  const arrived = state.editsInFlight.filter(({ planSeq }) => planSeq === ack.planSeq)
  const editsInFlight = state.editsInFlight.filter(({ planSeq }) => planSeq !== ack.planSeq)
  return arrived.reduce<Transition>(
    (before, { id, from, message }) => {
      const pending = before.state.pending[id]
      if (pending === undefined) return before
      const step = Math.max(from, ack.effectiveFrom)
      const { state: settled, effects } = settleEdit(before.state, { ...pending, message, step }, context)
      return { state: settled, effects: [...before.effects, ...effects] }
    },
    { state: { ...state, editsInFlight }, effects: [record] },
  )
}

/** The first step to plan again: the worker may lack the rows of edits that it has not acknowledged. */
export function resendFrom(state: ControllerState, plannedThrough: number): number {
  return Math.min(plannedThrough, ...state.editsInFlight.map(({ from }) => from))
}

interface SettledEdit {
  readonly request: Request
  readonly peer: PeerId | undefined
  readonly message: string
  /** At which it took effect. */
  readonly step: number
}

function settleEdit(
  state: ControllerState,
  { request, peer, message, step }: SettledEdit,
  context: ControllerContext,
): Transition {
  const { state: settled, effects } = settleRequest(state, { request, peer }, true, message, step)
  const edits = settleEdits(settled.edits, { id: request.id, ok: true, step })
  // An edit that took effect late holds from the same step on when the run is resumed.
  const { lease } = settled
  return {
    state: lease === undefined ? { ...settled, edits } : withEdits(settled, edits, lease.hello, context),
    effects,
  }
}

function firstStepOf({ when }: ControlEdit, now: number, lease: Lease): number {
  switch (when.kind) {
    case 'soon':
      return now + marginOf(lease)
    case 'at':
      return when.step
    case 'after':
      return now + when.steps
    default:
      return when satisfies never
  }
}

/** The steps that the worker trains before new rows reach it: a soon edit begins that much later. */
export function marginOf({ phase, pace }: Lease): number {
  if (phase !== 'training' && phase !== 'evaluating' && phase !== 'checkpointing') return 0
  return 1 + Math.ceil((pace.stepsPerSecond ?? 0) * MARGIN_SECONDS)
}

/** The planned values of a control, as many as are compared. */
function columnOf(state: ControllerState, control: string, from: number): Float64Array {
  const rows = rowsOf(state)
  if (rows === undefined) return new Float64Array()
  const end = rows.runSteps === 0 ? Infinity : rows.runSteps
  return rows.rows(from, Math.min(COMPARED_STEPS, end - from))[control] ?? new Float64Array()
}

function areSame(a: Float64Array, b: Float64Array): boolean {
  // A column of one value stands for all rows.
  const [long, short] = a.length >= b.length ? [a, b] : [b, a]
  if (short.length !== long.length && short.length !== 1) return false
  return long.every((value, i) => Object.is(value, short[short.length === 1 ? 0 : i]))
}

/** The edit that overrules the last one of the list at its step; undefined if none does. */
function winnerOverLast(edits: readonly EditEntry[]): EditEntry | undefined {
  const last = edits.at(-1)!
  const winner = winnerOf(edits, last)
  return winner === last || winner === undefined ? undefined : winner
}

function refused(why: string): Proposal {
  return { type: 'refused', why }
}

function shown(control: string, value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '(its own)'
  return control === 'lambda' && !Number.isFinite(value) ? 'off' : String(Number(value.toPrecision(6)))
}

/** A plan takes some milliseconds to reach the worker, which trains on with the rows before it. */
const MARGIN_SECONDS = 0.25
/** Two schedules that agree for this many steps count as the same. */
const COMPARED_STEPS = 65_536
