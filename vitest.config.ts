import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The longest files first: one that begins last is waited for alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      RANKS.findIndex((pattern) => pattern.test(moduleId)) >>> 0
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

const RANKS = [
  /conformance\//,
  /integration\/(recovery\/)?(waits|exactness|faults|guard)/,
  /cli\/(run|bad-input|cockpit|job-control)/,
  /integration\//,
  /examples\/|bench\/|environment\/setup/,
  /cli\//,
  /environment\//,
]

/** Sockets of libzmq in one process: a file must not meet what another one has left open. */
const SOCKETS = ['test/wire/**/*.test.ts', 'test/conformance/**/*.test.ts']

/** Folders whose tests compute, draw or write files of their own, and change nothing that the process shares. */
const PURE = [
  'analysis',
  'controller',
  'experiment',
  'history',
  'run',
  'samples',
  'schedule',
  'simulated',
  'statistics',
  'ui',
  'utils',
  'weighting',
].map((folder) => `test/${folder}/**/*.test.{ts,tsx}`)

export default defineConfig({
  resolve: { alias: { absgd: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    sequence: { sequencer: LongestFirst },
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // Tests also wait for other processes, so that three of them keep two cores busy.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'process',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [...PURE, ...SOCKETS],
          pool: 'forks',
          isolate: false,
          globalSetup: ['test/helpers/warm/start.ts'],
        },
      },
      { extends: true, test: { name: 'sockets', include: SOCKETS, pool: 'forks' } },
      {
        extends: true,
        // What these files import is loaded once for all of them.
        test: { name: 'pure', include: PURE, pool: 'threads', isolate: false },
      },
    ],
  },
})
