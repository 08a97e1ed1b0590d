// Lets Node run the TypeScript of src/, bench/ and test/: types are removed when a file is loaded.
// Use: node --import ./scripts/typescript.mjs bench/main.ts
import { existsSync, readFileSync } from 'node:fs'
import { register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { transformSync } from 'rolldown/utils'

if (isMainThread) register(import.meta.url)

export function resolve(specifier, context, next) {
  // One copy of this package, however a file names it.
  if (specifier === 'absgd') return next(new URL('index.ts', SRC).href, context)
  if (!isOurs(context.parentURL) || !specifier.startsWith('.') || !specifier.endsWith('.js'))
    return next(specifier, context)
  const { href } = new URL(specifier, context.parentURL)
  const source = ['.ts', '.tsx'].map((extension) => href.replace(/\.js$/, extension)).find(isFile)
  return next(source ?? href, context)
}

export function load(url, context, next) {
  if (!isOurs(url) || !/\.tsx?$/.test(url)) return next(url, context)
  const file = fileURLToPath(url)
  const { code, errors } = transformSync(file, readFileSync(file, 'utf8'))
  if (errors.length > 0) throw errors[0]
  return { format: 'module', source: code, shortCircuit: true }
}

function isOurs(url) {
  return url !== undefined && FOLDERS.some((folder) => url.startsWith(folder))
}

function isFile(url) {
  return existsSync(fileURLToPath(url))
}

const [SRC, ...OTHERS] = ['src', 'bench', 'test'].map((name) => new URL(`../${name}/`, import.meta.url).href)
const FOLDERS = [SRC, ...OTHERS]
