/** Decides from the answer of an interpreter whether it can run the worker. */
import { lastLines } from './run-command.js'
import type { Facts, Probe } from './probe-interpreter.js'
import {
  missingFrom,
  packagesOf,
  PYTHON_MINIMUM,
  requirementOf,
  TORCH,
  TORCH_RANGE,
} from './install/requirements.js'
import type { Extra } from './install/requirements.js'
import { atLeast, compareVersions } from './python-versions.js'

export type Verdict =
  | { readonly status: 'fits'; readonly facts: Facts }
  /** Packages are missing: `requirements`, in the syntax of pip. */
  | {
      readonly status: 'lacks'
      readonly facts: Facts
      readonly torch: boolean
      readonly requirements: readonly string[]
    }
  /** `lines`: the output of Python. */
  | { readonly status: 'unusable'; readonly reason: string; readonly lines: string }

export function judge(probe: Probe, extras: readonly Extra[]): Verdict {
  if (probe.status === 'failed') {
    return unusable(`does not start: ${probe.reason}`, probe.tail)
  }
  const { facts } = probe
  if (!atLeast(facts.python, PYTHON_MINIMUM)) {
    return unusable(`is Python ${facts.python}; ${PYTHON_MINIMUM} or newer is needed`)
  }
  const torch = facts.versions[TORCH.name]
  if (facts.torch?.ok === false) return unusable('has a torch that fails on import', facts.torch.lines)
  if (torch !== undefined && !torchFits(torch)) {
    return unusable(`has torch ${torch}; ${TORCH_RANGE} is needed`)
  }
  const missing = missingFrom(facts.versions, packagesOf(extras)).map(requirementOf)
  const requirements = torch === undefined ? [TORCH_RANGE, ...missing] : missing
  if (requirements.length === 0) return { status: 'fits', facts }
  return { status: 'lacks', facts, torch: torch === undefined, requirements }
}

export function torchFits(version: string): boolean {
  return atLeast(version, TORCH.minimum) && compareVersions(version, TORCH.below) < 0
}

function unusable(reason: string, output = ''): Verdict {
  return { status: 'unusable', reason, lines: lastLines(output) }
}
