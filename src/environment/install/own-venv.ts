/** The virtual environment that absgd owns: creates it, completes it if it is unfinished or out of date, and writes its stamp. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pythonOf } from '../interpreter-candidates.js'
import {
  brokenEnvironmentError,
  setupRunningError,
  noInstallerError,
  stillMissingError,
} from '../environment-errors.js'
import { probePython } from '../probe-interpreter.js'
import {
  EXTRAS,
  packagesOf,
  partsOf,
  requirementsFile,
  requirementsHash,
  versionsOf,
  type Extra,
} from './requirements.js'
import type { PythonEnvironment, Settings } from '../environment-options.js'
import { isCurrent, readStamp, writeStamp, type Stamp, type Versions } from './stamp.js'
import { chooseInstaller, findTools } from '../choose-installer.js'
import { judge, type Verdict } from '../judge-interpreter.js'

/** `venv` does not exist yet, or has a stamp of absgd. If nothing has to be done, no process is started. */
export async function ownEnvironment(
  venv: string,
  settings: Settings,
  tried: readonly string[],
): Promise<PythonEnvironment> {
  const stamp = readStamp(venv)
  if (stamp?.status === 'ready') {
    if (isCurrent(venv, stamp, settings.extras)) return environmentOf(venv, stamp.versions)
    if (!existsSync(pythonOf(venv))) throw brokenEnvironmentError(venv)
  }
  if (stamp?.status === 'installing' && isOther(stamp.pid)) throw setupRunningError(venv, stamp.pid)
  return fill(venv, stamp, settings, tried)
}

async function fill(
  venv: string,
  stamp: Stamp | undefined,
  settings: Settings,
  tried: readonly string[],
): Promise<PythonEnvironment> {
  const tools = await findTools(settings.env)
  const installer = chooseInstaller(tools, settings)
  if (installer === undefined) throw noInstallerError([...tried, ...tools.tried])
  const python = pythonOf(venv)
  const extras = EXTRAS.filter((extra) => settings.extras.includes(extra) || hasPart(stamp, extra))

  settings.report(`${stamp === undefined ? 'making' : 'completing'} ${venv} by ${installer.name}`)
  mkdirSync(venv, { recursive: true })
  // Keeps gigabytes of packages out of the user's git repository.
  writeFileSync(join(venv, '.gitignore'), '*\n')
  writeStamp(venv, { status: 'installing', pid: process.pid })
  const before = existsSync(python) ? await examine(python, extras, settings) : undefined
  if (before === undefined || before.status === 'unusable') await installer.makeVenv(venv)
  const pins = partsOf(extras).flatMap((part) => ['-r', requirementsFile(part)])
  await installer.install(python, pins, { torch: !hasTorch(before) })

  settings.report('importing torch for the first time')
  const after = await examine(python, extras, settings)
  if (after.status !== 'fits' || after.facts.fingerprint === undefined) throw stillMissingError(venv, after)
  const versions = versionsOf(after.facts, extras)
  const parts = Object.fromEntries(partsOf(extras).map((part) => [part, requirementsHash(part)]))
  writeStamp(venv, { status: 'ready', parts, versions, torch: after.facts.fingerprint })
  return environmentOf(venv, versions)
}

async function examine(python: string, extras: readonly Extra[], { env }: Settings): Promise<Verdict> {
  const packages = packagesOf(extras).map(({ name }) => name)
  return judge(await probePython(python, { env, packages }), extras)
}

function environmentOf(venv: string, versions: Versions): PythonEnvironment {
  return { python: pythonOf(venv), origin: venv, versions }
}

function hasTorch(verdict: Verdict | undefined): boolean {
  return verdict?.status === 'fits' || (verdict?.status === 'lacks' && !verdict.torch)
}

function hasPart(stamp: Stamp | undefined, extra: Extra): boolean {
  return stamp?.status === 'ready' && stamp.parts[extra] !== undefined
}

/** Whether `pid` is a living process other than this one. */
function isOther(pid: number): boolean {
  if (pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
