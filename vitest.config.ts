import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files of whole runs first, the longest of all at their head: one that begins last is waited for alone. */
class WholeRunsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      RANKS.findIndex((pattern) => pattern.test(moduleId)) >>> 0
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}

const RANKS = [
  /integration\/waits/,
  /cli\/bad-input/,
  /conformance\//,
  /integration\//,
  /cli\//,
  /environment\//,
]

export default defineConfig({
  resolve: { alias: { absgd: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    sequence: { sequencer: WholeRunsFirst },
    // Worker processes import torch, which takes seconds on a loaded machine.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // Each holds a worker of its own at times.
    maxWorkers: 2,
    globalSetup: ['test/helpers/warm/start.ts'],
  },
})
