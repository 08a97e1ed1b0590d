/** Edits of controls: from which step on they hold, whether they may, and the plans that carry them. Pure. */
import { toAbsgdError } from '../../errors.js'
import { addEdit, settleEdits, winnerOf, type EditEntry } from '../../history/edit-history.js'
import type { ControlEdit, Edited, Hello, PlanAck, Request, RequestResult } from '../../record/record.js'
import type { PeerId } from '../../wire/channel.js'
import { answer, settle, standing, withAnswer, withPending } from './replies.js'
import { extendPlans } from './plan-ahead.js'
import { rowsOf, withEdits } from './rows.js'
import type { ControllerContext, ControllerState, Effect, Lease, Transition } from '../state/state.js'

/** Several edits, made up for one point in time. */
export type Proposal =
  | { readonly type: 'refused'; readonly why: string }
  /** The run would be what it is anyway. */
  | { readonly type: 'nothing'; readonly message: string }
  | {
      readonly type: 'edits'
      /** With the edits that are new. */
      readonly state: ControllerState
      readonly edited: readonly Edited[]
      /** For people: "lambda -5 → -2". */
      readonly message: string
    }

type SetRequest = Request & { readonly action: { readonly type: 'set' } }

export function isSet(request: Request): request is SetRequest {
  return request.action.type === 'set'
}

/** What the edits of a request come to, were they made now: all of them, or none. */
export function propose(
  before: ControllerState,
  lease: Lease,
  request: SetRequest,
  context: ControllerContext,
): Proposal {
  const here = standing(before).step
  const runSteps = before.source?.runSteps ?? 0
  let state = before
  const edited: Edited[] = []
  const words: string[] = []
  for (const edit of request.action.edits) {
    const from = firstStepOf(edit, here, lease)
    if (from < here) return refused(`step ${from} has begun already: the run stands after ${here} steps`)
    if (runSteps > 0 && from >= runSteps)
      return refused(`step ${from} is not one of the run: its last is step ${runSteps - 1}`)
    const position = { attempt: before.attempt, step: from }
    const { control, to } = edit
    const bare = { type: 'edited', request: request.id, by: request.by, position, control, to } as const
    try {
      const { next, entry, old, now } = layOver(state, bare, lease.hello, context)
      const overruled = overruledBy(next.edits)
      if (overruled === undefined && isSame(old, now)) {
        words.push(`${control} is ${shown(control, now[0])} already`)
        continue
      }
      edited.push(entry)
      words.push(
        `${control} ${shown(control, old[0])} → ${shown(control, now[0])}` +
          (overruled === undefined
            ? ''
            : `, overruled by an edit of ${overruled.edited.by} at the same step`),
      )
      state = next
    } catch (thrown) {
      const { message, hint } = toAbsgdError(thrown, 'usage')
      return refused(hint === undefined ? message : `${message}; ${hint}`)
    }
  }
  const message = words.join(', ')
  return edited.length === 0 ? { type: 'nothing', message } : { type: 'edits', state, edited, message }
}

/**
 * One edit laid over a run: the state with it, its record, and the control's rows from its step on without and with it.
 *
 * Errors as `compileEdit` and `requireInRange`.
 */
export function layOver(
  state: ControllerState,
  bare: Omit<Edited, 'before' | 'after'>,
  hello: Pick<Hello, 'stepsPerEpoch' | 'initial'>,
  context: Pick<ControllerContext, 'compileEdit' | 'requireInRange'>,
) {
  const { control, to, position } = bare
  const laid = withEdits(state, addEdit(state.edits, { ...bare, before: NaN, after: NaN }), hello, context)
  const old = columnOf(state, control, position.step)
  const now = columnOf(laid, control, position.step)
  // The values of a schedule were checked whole.
  if (to.kind === 'factor') context.requireInRange(control, now)
  const entry: Edited = { ...bare, before: old[0] ?? NaN, after: now[0] ?? NaN }
  return { next: { ...laid, edits: addEdit(state.edits, entry) }, entry, old, now }
}

/** Answers a request that changes nothing, and leaves no trace of it. */
export function answerNothing(
  state: ControllerState,
  request: Request,
  peer: PeerId | undefined,
  message: string,
): Transition {
  const { step } = standing(state)
  const result: RequestResult = { type: 'request-result', id: request.id, ok: true, step, message }
  return { state: withAnswer(state, result), effects: [answer(result, peer)] }
}

/** Records the edits and sends the rows with them; the answer waits for the worker's word on the first of these. */
export function makeEdits(
  before: ControllerState,
  request: SetRequest,
  peer: PeerId | undefined,
  context: ControllerContext,
  { nowMs, said = '' }: { readonly nowMs: number; readonly said?: string },
): Transition {
  const { lease } = before
  if (lease === undefined) return settle(before, { request, peer }, false, 'the worker is gone')
  const proposal = propose(before, lease, request, context)
  if (proposal.type === 'refused') return settle(before, { request, peer }, false, proposal.why)
  const message = said === '' ? proposal.message : `${proposal.message}; ${said}`
  if (proposal.type === 'nothing') return settle(before, { request, peer }, true, message)

  const from = Math.min(...proposal.edited.map(({ position }) => position.step))
  const records = proposal.edited.map((body): Effect => ({ type: 'append', body }))
  const { planSeq, sentThrough } = lease.planning
  const rewound = { ...lease, planning: { planSeq, sentThrough: Math.min(sentThrough, from) } }
  const waiting = withPending(
    { ...proposal.state, lease: rewound },
    { request, peer, action: request.action },
  )
  const { state, effects } = extendPlans(waiting, nowMs)
  if (from >= sentThrough) {
    // No row of these steps was sent before: they have begun with no other.
    const { state: settled, effects: answers } = settleSet(
      state,
      { request, peer, message, step: from },
      context,
    )
    return { state: settled, effects: [...records, ...effects, ...answers] }
  }
  const awaited = { id: request.id, planSeq: planSeq + 1, from, message }
  return {
    state: { ...state, awaiting: [...state.awaiting, awaited] },
    effects: [...records, ...effects],
  }
}

/** The worker tells from which step on it uses the rows of a plan. */
export function onPlanAck(state: ControllerState, ack: PlanAck, context: ControllerContext): Transition {
  const record: Effect = { type: 'append', body: ack }
  const awaited = state.awaiting.filter(({ planSeq }) => planSeq === ack.planSeq)
  const awaiting = state.awaiting.filter(({ planSeq }) => planSeq !== ack.planSeq)
  return awaited.reduce<Transition>(
    (before, { id, from, message }) => {
      const pending = before.state.pending[id]
      if (pending === undefined) return before
      const step = Math.max(from, ack.effectiveFrom)
      const { state: settled, effects } = settleSet(before.state, { ...pending, message, step }, context)
      return { state: settled, effects: [...before.effects, ...effects] }
    },
    { state: { ...state, awaiting }, effects: [record] },
  )
}

/** Edits whose rows the worker may not have: from their first step on plans are sent again. */
export function resendFrom(state: ControllerState, plannedThrough: number): number {
  return Math.min(plannedThrough, ...state.awaiting.map(({ from }) => from))
}

interface SetAnswer {
  readonly request: Request
  readonly peer: PeerId | undefined
  readonly message: string
  /** At which it took effect. */
  readonly step: number
}

function settleSet(
  state: ControllerState,
  { request, peer, message, step }: SetAnswer,
  context: ControllerContext,
): Transition {
  const { state: settled, effects } = settle(state, { request, peer }, true, message, step)
  const edits = settleEdits(settled.edits, { id: request.id, ok: true, step })
  // Rows that came late hold from the same step on when a run is resumed.
  const { lease } = settled
  return {
    state: lease === undefined ? { ...settled, edits } : withEdits(settled, edits, lease.hello, context),
    effects,
  }
}

function firstStepOf({ when }: ControlEdit, here: number, lease: Lease): number {
  switch (when.kind) {
    case 'soon':
      return here + marginOf(lease)
    case 'at':
      return when.step
    case 'after':
      return here + when.steps
    default:
      return when satisfies never
  }
}

/** Steps that the worker trains until it has the rows: by that much an edit is planned ahead. */
export function marginOf({ phase, pace }: Lease): number {
  if (phase !== 'training' && phase !== 'evaluating' && phase !== 'checkpointing') return 0
  return 1 + Math.ceil((pace.stepsPerSecond ?? 0) * MARGIN_SECONDS)
}

/** As far as anybody will look: two schedules that agree for so long are the same. */
function columnOf(state: ControllerState, control: string, from: number): Float64Array {
  const rows = rowsOf(state)
  if (rows === undefined) return new Float64Array()
  const end = rows.runSteps === 0 ? Infinity : rows.runSteps
  return rows.rows(from, Math.min(COMPARED_STEPS, end - from))[control] ?? new Float64Array()
}

function isSame(a: Float64Array, b: Float64Array): boolean {
  // One value may stand for all rows.
  const [long, short] = a.length >= b.length ? [a, b] : [b, a]
  if (short.length !== long.length && short.length !== 1) return false
  return long.every((value, i) => Object.is(value, short[short.length === 1 ? 0 : i]))
}

/** What the last edit of the list loses to, at its step. */
function overruledBy(edits: readonly EditEntry[]): EditEntry | undefined {
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

/** A request takes some milliseconds to the worker; what it trains meanwhile has other rows. */
const MARGIN_SECONDS = 0.25
const COMPARED_STEPS = 65_536
