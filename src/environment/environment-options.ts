/** The options of `ensureEnvironment`, and its result. */
import type { Extra } from './install/requirements.js'
import type { Versions } from './install/stamp.js'

export interface PythonEnvironment {
  /** Path of the interpreter. */
  readonly python: string
  /** Where it was found, for people. */
  readonly origin: string
  /** python, torch, pyzmq, protobuf, and the packages of the extras. */
  readonly versions: Versions
}

export interface EnvironmentOptions {
  /** The directory from which a project's `.venv` is searched, up to the project's root, and in which one is created. */
  readonly directory: string
  /** An interpreter or a virtual environment, which then is the only candidate. */
  readonly python?: string | undefined
  /** @default none */
  readonly extras?: readonly Extra[] | undefined
  /** Whether missing packages are installed into the user's environment. @default false */
  readonly install?: boolean | undefined
  /** Whether the network must not be used. @default false */
  readonly offline?: boolean | undefined
  /** Called with lines about the progress, for people. */
  readonly report: (line: string) => void
  /** @default process.env */
  readonly env?: NodeJS.ProcessEnv
}

/** The options with every default filled in. */
export interface Settings {
  readonly directory: string
  readonly python: string | undefined
  readonly extras: readonly Extra[]
  readonly install: boolean
  readonly offline: boolean
  readonly report: (line: string) => void
  readonly env: NodeJS.ProcessEnv
}

export function withDefaults({
  python,
  extras,
  install,
  offline,
  env,
  ...rest
}: EnvironmentOptions): Settings {
  return {
    ...rest,
    python,
    extras: extras ?? [],
    install: install ?? false,
    offline: offline ?? false,
    env: env ?? process.env,
  }
}
