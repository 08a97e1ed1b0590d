/** Whether a worker can do what the plan holds. Pure. */
import type { Hello } from '../../record/record.js'
import type { End } from '../state/state.js'

/** How the run ends where a control is planned that this worker cannot apply; undefined where it can. */
export function unmetControl(hello: Hello, planned: readonly string[]): End | undefined {
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

/** Minor version of the protocol from which on a worker knows the control, and would not take it for the user's own. */
const BALANCE_SINCE_MINOR = 2
