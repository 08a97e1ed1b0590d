/** The errors about the environment: what was tried, the result, and the next command to type. */
import { AbsgdError } from '../errors.js'
import type { Candidate } from './interpreter-candidates.js'
import { PYTHON_MINIMUM, type Extra } from './install/requirements.js'
import { quote } from '../utils/shell-quote.js'
import type { Verdict } from './judge-interpreter.js'

type Lacks = Verdict & { readonly status: 'lacks' }
type Unusable = Verdict & { readonly status: 'unusable' }

/** The user's environment lacks packages. */
export function missingPackagesError(
  candidate: Candidate,
  verdict: Lacks,
  asked: { extras: readonly Extra[] },
): AbsgdError {
  const { executable } = verdict.facts
  const flags = [
    ...asked.extras.map((extra) => `--${extra}`),
    ...(candidate.kind === 'explicit' ? ['--python', quote(executable)] : []),
  ]
  return new AbsgdError('environment', `${describe(candidate)} lacks ${verdict.requirements.join(', ')}`, {
    hint: [
      'absgd does not install packages into an environment that it did not make, unless you ask for it. To install them:',
      `  ${quote(executable)} -m pip install ${verdict.requirements.map(quote).join(' ')}`,
      'or let absgd do it:',
      `  npx absgd setup --install${flags.map((flag) => ` ${flag}`).join('')}`,
    ].join('\n'),
  })
}

/** The interpreter that the user named, or the project's `.venv`, cannot be used. */
export function unusableInterpreterError(candidate: Candidate, verdict: Unusable): AbsgdError {
  const mend =
    candidate.kind === 'project'
      ? `Repair it, or remove it and have a new one made:\n  rm -r ${quote(candidate.origin)} && npx absgd setup`
      : `Name another Python (${PYTHON_MINIMUM} or newer, with torch) by --python or $ABSGD_PYTHON, or none: npx absgd setup`
  return new AbsgdError('environment', withLines(`${describe(candidate)} ${verdict.reason}`, verdict.lines), {
    hint: mend,
  })
}

/** The interpreter of the environment that absgd created is missing. */
export function brokenEnvironmentError(venv: string): AbsgdError {
  return new AbsgdError(
    'environment',
    `${venv} is broken: its bin/python is missing, or is a link to a Python that is gone`,
    { hint: `Have it made again:\n  rm -r ${quote(venv)} && npx absgd setup` },
  )
}

export function setupRunningError(venv: string, pid: number): AbsgdError {
  return new AbsgdError('environment', `another setup (process ${pid}) is working on ${venv}`, {
    hint: `Wait for it. If there is none: rm -r ${quote(venv)} && npx absgd setup`,
  })
}

export function noInstallerError(tried: readonly string[]): AbsgdError {
  return new AbsgdError(
    'environment',
    ['no Python to run the worker with', ...tried.map((line) => `  tried ${line}`)].join('\n'),
    {
      hint: [
        `Install Python ${PYTHON_MINIMUM} or newer with venv (or uv), then: npx absgd setup`,
        'or name a Python that has torch: npx absgd setup --python PATH',
      ].join('\n'),
    },
  )
}

/** An installer reported success, but packages are still missing or cannot be used. */
export function stillMissingError(place: string, verdict: Verdict): AbsgdError {
  const message =
    verdict.status === 'unusable'
      ? withLines(`after the installation, ${place} ${verdict.reason}`, verdict.lines)
      : `after the installation, ${place} still lacks ${verdict.status === 'lacks' ? verdict.requirements.join(', ') : 'torch'}`
  return new AbsgdError('environment', message, {
    hint: `Look closer: npx absgd doctor\nOr name a Python that has torch: npx absgd setup --python PATH`,
  })
}

/** The reason why an active environment is not used, in one line. */
export function skippedReason(candidate: Candidate, verdict: Verdict): string {
  const why =
    verdict.status === 'unusable' ? verdict.reason : verdict.status === 'lacks' ? 'has no torch' : 'fits'
  return `${describe(candidate)} ${why}`
}

function describe({ origin, python }: Candidate): string {
  return python.startsWith(origin) ? python : `${origin} (${python})`
}

function withLines(message: string, lines: string): string {
  return lines === '' ? message : `${message}\n${lines.replace(/^/gm, '  ')}`
}
