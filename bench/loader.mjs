// Lets Node run the TypeScript of this folder: types are taken out, and `../src` is the build, which is what is measured.
// Use: node --import ./bench/loader.mjs bench/main.ts
import { readFileSync } from 'node:fs'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import ts from 'typescript'

if (isMainThread) register(import.meta.url)

export function resolve(specifier, context, next) {
  const here = context.parentURL?.startsWith(BENCH) === true
  if (!here || !specifier.startsWith('.') || !specifier.endsWith('.js')) return next(specifier, context)
  const { href } = new URL(specifier, context.parentURL)
  return next(href.startsWith(SRC) ? DIST + href.slice(SRC.length) : href.replace(/\.js$/, '.ts'), context)
}

export function load(url, context, next) {
  if (!url.startsWith(BENCH) || !url.endsWith('.ts')) return next(url, context)
  const { outputText } = ts.transpileModule(readFileSync(fileURLToPath(url), 'utf8'), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  })
  return { format: 'module', source: outputText, shortCircuit: true }
}

const BENCH = new URL('./', import.meta.url).href
const SRC = new URL('../src/', import.meta.url).href
const DIST = new URL('../dist/', import.meta.url).href
