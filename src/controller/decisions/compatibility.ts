/** Whether a peer can take part in this run: its protocol version, its run, and what a worker must support. Pure. */
import type { Hello } from '../../record/record.js'
import { PROTOCOL, type OperatorHello, type Reject } from '../../wire/message.js'
import type { ControllerContext, End } from '../state/state.js'

/** Why a peer cannot be admitted, whatever its role; undefined when it can. */
export function refusePeer(hello: Hello | OperatorHello, { run }: ControllerContext): Reject | undefined {
  const { protocolMajor, protocolMinor } = hello
  if (protocolMajor !== PROTOCOL.major) {
    const hint = `this controller speaks protocol ${PROTOCOL.major}.${PROTOCOL.minor}, the peer ${protocolMajor}.${protocolMinor}: install the same version of absgd on both sides`
    return { type: 'reject', code: 'protocol', hint }
  }
  if (hello.run !== '' && hello.run !== run) {
    const hint = `this controller drives the run "${run}", not "${hello.run}"`
    return { type: 'reject', code: 'wrong-run', hint }
  }
  return undefined
}

/**
 * Refuses a worker that does not know the field with the rule of weights: it would train by the default rule without a
 * warning. Undefined for a worker that can be admitted.
 */
export function refuseWeighting(
  { protocolMajor, protocolMinor }: Hello,
  { weighting }: ControllerContext,
): Reject | undefined {
  if (weighting.preset === 'default' || protocolMinor >= WEIGHTING_SINCE_MINOR) return undefined
  const hint = `this run weighs samples by the preset "${weighting.preset}", which the worker's protocol ${protocolMajor}.${protocolMinor} does not know (${protocolMajor}.${WEIGHTING_SINCE_MINOR} does): install the same version of absgd on both sides`
  return { type: 'reject', code: 'protocol', hint }
}

/** How the run ends if a planned control cannot be applied by this worker; undefined if all can. */
export function unsupportedControl(hello: Hello, planned: readonly string[]): End | undefined {
  const { initial, protocolMajor, protocolMinor } = hello
  if (!planned.includes('class_balance') || 'class_balance' in initial) return undefined
  if (protocolMinor < BALANCE_SINCE_MINOR) {
    const reason = `this run balances classes, which the worker's protocol ${protocolMajor}.${protocolMinor} does not know (${protocolMajor}.${BALANCE_SINCE_MINOR} does)`
    return { status: 'failed', reason, detail: 'install the same version of absgd on both sides' }
  }
  return {
    status: 'failed',
    reason: 'the controls set class_balance, but the task has no labels',
    detail: 'give Task(labels=…), the class of each sample, or leave the control out',
  }
}

/** Minor version of the protocol from which on a worker reads the rule of weights in its Welcome. */
const WEIGHTING_SINCE_MINOR = 1
/** Minor version of the protocol from which on a worker knows this control; an older one would pass it to the user's model. */
const BALANCE_SINCE_MINOR = 2
