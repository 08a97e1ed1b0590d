import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { alias: { absgd: fileURLToPath(new URL('src/index.ts', import.meta.url)) } },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    // Worker processes import torch, which takes seconds on a loaded machine.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    // Each holds a worker of its own at times.
    maxWorkers: 2,
  },
})
