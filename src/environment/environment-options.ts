/** What is asked of the environment, and what comes back. */
import type { Extra } from './install/requirements.js'
import type { Versions } from './install/stamp.js'

export interface PythonEnvironment {
  /** The interpreter. */
  readonly python: string
  /** For people: why this one. */
  readonly origin: string
  /** python, torch, pyzmq, protobuf, and the packages of the extras. */
  readonly versions: Versions
}

export interface EnvironmentOptions {
  /** Where a project's `.venv` is looked for, upwards to its root, and where one is made. */
  readonly directory: string
  /** An interpreter or a virtual environment; the only candidate then. */
  readonly python?: string | undefined
  /** @default none */
  readonly extras?: readonly Extra[] | undefined
  /** Install what is missing into an environment that is the user's own. @default false */
  readonly install?: boolean | undefined
  /** Never touch the network. @default false */
  readonly offline?: boolean | undefined
  /** One line for people, as things happen. */
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
