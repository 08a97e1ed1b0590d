#!/usr/bin/env node
// npx links a command only if its file exists. This file exists even before the first build.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/cli/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('absgd: not built yet')
  console.error(`  run: npm ci --include=dev --prefix ${fileURLToPath(new URL('..', import.meta.url))}`)
  process.exitCode = 1
}
