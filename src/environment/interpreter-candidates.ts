/** Lists the Python interpreters that could run the worker, in the order in which they are tried. */
import { existsSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'

export interface Candidate {
  /** A path, or a name that is looked up on PATH. */
  readonly python: string
  /** Named by the user, active in the shell, or in a `.venv` of the project. */
  readonly kind: 'explicit' | 'active' | 'project'
  /** Where it comes from, for people. */
  readonly origin: string
  /** The virtual environment that it belongs to. */
  readonly venv: string | undefined
}

export interface CandidateOptions {
  readonly directory: string
  readonly python?: string | undefined
  readonly env: NodeJS.ProcessEnv
}

/**
 * An interpreter that the user named is the only candidate. Otherwise: the active virtual environment, the active
 * conda environment, the nearest `.venv` between the directory and the project's root.
 */
export function candidates({ directory, python, env }: CandidateOptions): readonly Candidate[] {
  if (python !== undefined) return [explicit(python, directory, '--python')]
  if (env['ABSGD_PYTHON']) return [explicit(env['ABSGD_PYTHON'], directory, '$ABSGD_PYTHON')]
  const found: Candidate[] = []
  for (const variable of ['VIRTUAL_ENV', 'CONDA_PREFIX']) {
    const venv = env[variable]
    if (venv) found.push({ python: pythonOf(venv), kind: 'active', origin: `$${variable}`, venv })
  }
  const venv = projectVenv(directory)
  if (venv !== undefined) found.push({ python: pythonOf(venv), kind: 'project', origin: venv, venv })
  return found.filter(({ python }, i) => found.findIndex((other) => other.python === python) === i)
}

/** The interpreter of a virtual environment. */
export function pythonOf(venv: string): string {
  return join(venv, 'bin', 'python')
}

function explicit(python: string, directory: string, origin: string): Candidate {
  const kind = 'explicit'
  if (!python.includes('/')) return { python, kind, origin, venv: undefined }
  const path = isAbsolute(python) ? python : resolve(directory, python)
  if (isDirectory(path)) return { python: pythonOf(path), kind, origin, venv: path }
  const parent = dirname(dirname(path))
  return { python: path, kind, origin, venv: existsSync(join(parent, 'pyvenv.cfg')) ? parent : undefined }
}

function projectVenv(directory: string): string | undefined {
  return upTo(projectRoot(directory), directory)
    .map((folder) => join(folder, '.venv'))
    .find(isDirectory)
}

/** The nearest folder with a `.git`, else the nearest with a project file, else the directory itself. */
function projectRoot(directory: string): string {
  const folders = upTo('/', directory)
  const holding = (names: readonly string[]) =>
    folders.find((folder) => names.some((name) => existsSync(join(folder, name))))
  return holding(['.git']) ?? holding(['package.json', 'pyproject.toml']) ?? directory
}

/** The directory and its parents, `root` the last. */
function upTo(root: string, directory: string): readonly string[] {
  const folders = [resolve(directory)]
  for (let folder = folders[0]!; folder !== root && folder !== dirname(folder); folders.push(folder)) {
    folder = dirname(folder)
  }
  return folders
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}
