/** Finds the Python environment of the worker, completes it, or creates one. */
import { join, resolve } from 'node:path'
import { candidates, type Candidate } from './interpreter-candidates.js'
import {
  missingPackagesError,
  noInstallerError,
  skippedReason,
  stillMissingError,
  unusableInterpreterError,
} from './environment-errors.js'
import { ownEnvironment } from './install/own-venv.js'
import { probePython, type Facts } from './probe-interpreter.js'
import { packagesOf, versionsOf } from './install/requirements.js'
import {
  withDefaults,
  type EnvironmentOptions,
  type PythonEnvironment,
  type Settings,
} from './environment-options.js'
import { readStamp } from './install/stamp.js'
import { chooseInstaller, findTools } from './choose-installer.js'
import { judge, type Verdict } from './judge-interpreter.js'
import { knownFacts, rememberFacts } from './known-interpreters.js'
import { rememberTorch, verifiedTorch } from './verified-torch-cache.js'

/**
 * Finds the worker's Python environment, or creates one. This can take minutes and gigabytes, which are announced. If nothing has to be
 * done, it takes milliseconds; the first time, one start of Python for an environment that absgd did not create.
 *
 * @throws AbsgdError 'environment', with everything that was tried and the next command to type.
 */
export async function ensureEnvironment(options: EnvironmentOptions): Promise<PythonEnvironment> {
  const settings = withDefaults(options)
  const tried: string[] = []
  for (const candidate of candidates(settings)) {
    const stamp = candidate.venv === undefined ? undefined : readStamp(candidate.venv)
    if (candidate.venv !== undefined && stamp !== undefined)
      return ownEnvironment(candidate.venv, settings, tried)
    const found = await foreignEnvironment(candidate, settings, tried)
    if (found !== undefined) return found
  }
  return ownEnvironment(join(resolve(settings.directory), '.venv'), settings, tried)
}

/** Undefined if an active environment cannot be used, so that the next candidate is tried. */
async function foreignEnvironment(
  candidate: Candidate,
  settings: Settings,
  tried: string[],
): Promise<PythonEnvironment | undefined> {
  const verdict = await examine(candidate.python, settings)
  if (verdict.status === 'fits') return environmentOf(verdict.facts, candidate.origin, settings)
  if (verdict.status === 'lacks' && settings.install) return complete(candidate, verdict, settings)
  const noTorch = verdict.status === 'unusable' || verdict.torch
  if (candidate.kind === 'active' && noTorch) {
    tried.push(skippedReason(candidate, verdict))
    settings.report(`passed over ${skippedReason(candidate, verdict)}`)
    return undefined
  }
  throw verdict.status === 'lacks'
    ? missingPackagesError(candidate, verdict, settings)
    : unusableInterpreterError(candidate, verdict)
}

/** Installs missing packages by version ranges, because the user's environment has pins of its own. */
async function complete(
  candidate: Candidate,
  verdict: Verdict & { status: 'lacks' },
  settings: Settings,
): Promise<PythonEnvironment> {
  const tools = await findTools(settings.env)
  const installer = chooseInstaller(tools, settings)
  if (installer === undefined) throw noInstallerError(tools.tried)
  settings.report(
    `installing into ${candidate.origin} by ${installer.name}: ${verdict.requirements.join(' ')}`,
  )
  const requirements = verdict.requirements.filter((requirement) => !requirement.startsWith('torch'))
  await installer.install(verdict.facts.executable, requirements, { torch: verdict.torch })
  const after = await examine(candidate.python, settings)
  if (after.status !== 'fits') throw stillMissingError(candidate.origin, after)
  return environmentOf(after.facts, candidate.origin, settings)
}

async function examine(python: string, { env, extras }: Settings): Promise<Verdict> {
  const packages = packagesOf(extras).map(({ name }) => name)
  const question = { python, packages, env }
  const known = knownFacts(question)
  if (known !== undefined) return judge({ status: 'answered', facts: known }, extras)
  const verdict = judge(await probePython(python, { env, packages, known: verifiedTorch(env) }), extras)
  if (verdict.status === 'fits' && verdict.facts.torch?.ok && verdict.facts.fingerprint) {
    rememberTorch(env, verdict.facts.fingerprint)
  }
  if (verdict.status === 'fits') rememberFacts(question, verdict.facts)
  return verdict
}

function environmentOf(facts: Facts, origin: string, { extras }: Settings): PythonEnvironment {
  return { python: facts.executable, origin, versions: versionsOf(facts, extras) }
}
