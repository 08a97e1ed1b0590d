/** The packages that a Python environment needs, and the files of pinned versions. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../version.js'
import { atLeast } from '../python-versions.js'

/** Optional groups of packages. */
export type Extra = 'demo' | 'dev'
export const EXTRAS: readonly Extra[] = ['demo', 'dev']

/** A group of packages, with a file of pinned versions. */
export type Part = 'worker' | Extra

export interface Package {
  readonly name: string
  /** The oldest version that works. */
  readonly minimum: string
}

export const PYTHON_MINIMUM = '3.10'
export const TORCH = { name: 'torch', minimum: '2.4', below: '3' } as const
export const TORCH_RANGE = `torch>=${TORCH.minimum},<${TORCH.below}`

/** Direct dependencies, as in python-worker/pyproject.toml. */
export const PACKAGES: Readonly<Record<Part, readonly Package[]>> = {
  worker: [
    { name: 'pyzmq', minimum: '25' },
    { name: 'protobuf', minimum: '4.21' },
  ],
  demo: [{ name: 'scikit-learn', minimum: '1.3' }],
  dev: [
    { name: 'import-linter', minimum: '2.1' },
    { name: 'pyrefly', minimum: '1.5' },
    { name: 'pytest', minimum: '8' },
    { name: 'pytest-cov', minimum: '6' },
    { name: 'pytest-xdist', minimum: '3.5' },
    { name: 'ruff', minimum: '0.6' },
  ],
}

/** The folder of the worker's package. The worker is run from it by PYTHONPATH, and is never installed. */
export const WORKER_DIRECTORY = join(PACKAGE_ROOT, 'python-worker')

export function partsOf(extras: readonly Extra[]): readonly Part[] {
  return ['worker', ...EXTRAS.filter((extra) => extras.includes(extra))]
}

export function packagesOf(extras: readonly Extra[]): readonly Package[] {
  return partsOf(extras).flatMap((part) => PACKAGES[part])
}

/** A requirement in the syntax of pip. */
export function requirementOf({ name, minimum }: Package): string {
  return `${name}>=${minimum}`
}

/** The packages that `versions` lacks, or whose version is too old. */
export function missingFrom(
  versions: Readonly<Record<string, string>>,
  packages: readonly Package[],
): readonly Package[] {
  return packages.filter(({ name, minimum }) => !atLeast(versions[name], minimum))
}

/** The versions of Python, torch and the packages, in the order in which they are shown. */
export function versionsOf(
  { python, versions }: { readonly python: string; readonly versions: Readonly<Record<string, string>> },
  extras: readonly Extra[],
): Readonly<Record<string, string>> {
  const names = [TORCH.name, ...packagesOf(extras).map(({ name }) => name)]
  const present = names.flatMap((name) =>
    versions[name] === undefined ? [] : [[name, versions[name]] as const],
  )
  return { python, ...Object.fromEntries(present) }
}

export function requirementsFile(part: Part): string {
  return join(WORKER_DIRECTORY, 'requirements', `${part}.txt`)
}

/** A hash that changes with the required packages and versions. */
export function requirementsHash(part: Part): string {
  const pins = readFileSync(requirementsFile(part), 'utf8')
  return createHash('sha256').update(`${TORCH_RANGE}\n${pins}`).digest('hex').slice(0, 16)
}
