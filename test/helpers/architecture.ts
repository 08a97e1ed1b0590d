/** The dependency directions of the design's section 5, as rules over sources: `violations({ path: source })`. */
import { posix } from 'node:path'
import ts from 'typescript'

/** Paths from the project's root, with "/". */
export type Sources = Readonly<Record<string, string>>

/** What each folder of src/ may import of the others; errors.ts, version.ts, quote.ts and process-identity.ts are everybody's. */
export const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  record: [],
  schedule: ['weighting'],
  weighting: ['record'],
  statistics: ['record'],
  output: ['record', 'statistics', 'experiment', 'weighting'],
  wire: ['record'],
  log: ['record', 'wire'],
  worker: ['record', 'weighting', 'wire'],
  environment: ['wire'],
  experiment: ['record', 'schedule'],
  controller: ['record', 'schedule', 'wire', 'log', 'worker'],
  operator: ['record', 'schedule', 'weighting', 'wire', 'log'],
  cockpit: ['record', 'output'],
  cli: [
    'cockpit',
    'controller',
    'environment',
    'experiment',
    'log',
    'operator',
    'output',
    'record',
    'schedule',
    'statistics',
    'worker',
  ],
}

/** Files outside log/ that may use fs, and what for: never for the files of a run. */
export const FILE_USERS: Readonly<Record<string, string>> = {
  'src/environment/': 'virtual environments',
  'src/process/identity.ts': 'what the system says of a process',
  'src/process/foreground.ts': 'what the system says of its terminal, and the descriptors of it',
  'src/experiment/files/load-experiment.ts': 'experiment files',
  'src/experiment/files/resolve-task.ts': 'task files',
  'src/experiment/files/resolve-program.ts': 'scripts',
  'src/process/child.ts': 'the descriptor that a worker writes its output to, and its tail',
  'src/wire/endpoints.ts': 'the folder of the sockets',
  'src/wire/zmq-channel.ts': 'the folder of the sockets',
}

export function violations(sources: Sources): readonly string[] {
  const found = Object.entries(sources).flatMap(([path, source]) => {
    if (path.includes('/gen/')) return []
    const broken = path.endsWith('.py') ? pythonRules(path, source) : typescriptRules(path, source)
    const lines = source.split('\n').length - (source.endsWith('\n') ? 1 : 0)
    if (lines > MAX_LINES) broken.push(`has ${lines} lines; ${MAX_LINES} are the limit`)
    return broken.map((what) => `${path} ${what}`)
  })
  return [...found, ...cycles(sources)]
}

function typescriptRules(path: string, source: string): string[] {
  if (!path.startsWith('src/')) return []
  const imports = importsOf(path, source).map(({ target }) => target)
  const broken: string[] = []
  const only = (pattern: RegExp, allowed: RegExp, rule: string) => {
    const target = imports.find((name) => pattern.test(name))
    if (target !== undefined && !allowed.test(path)) broken.push(`imports ${target}: ${rule}`)
  }
  only(/^zeromq(\/|$)/, /^src\/wire\/zmq-\w+\.ts$/, 'only wire/zmq-channel.ts and its socket do')
  only(/^src\/wire\/gen\/|^@bufbuild\//, /^src\/wire\/codec(\.ts$|\/)/, 'only wire/codec does')
  only(/^(ink|react)(\/|$)/, /^src\/cockpit\//, 'only cockpit/ draws')
  only(/^execa$/, /^src\/(worker|environment)\//, 'only worker/ and environment/ start processes')
  only(
    /^node:child_process$/,
    /^src\/(worker|environment)\/|^src\/(process-identity|foreground)\.ts$/,
    'only worker/ and environment/ start processes',
  )
  only(/^node:fs(\/|$)/, FILES, 'only log/ touches the files of a run; others are listed in FILE_USERS')
  if (PURE.test(path)) broken.push(...impurities(path, source, imports))

  const folder = folderOf(path)
  if (folder === undefined) return broken
  const allowed = FOLDERS[folder]
  if (allowed === undefined) return [...broken, `is in a folder without a rule: add "${folder}" to FOLDERS`]
  for (const target of imports.filter((name) => name.startsWith('src/'))) {
    const other = folderOf(target)
    if (other === folder || (other !== undefined && allowed.includes(other))) continue
    if (other === undefined && mayImportRoot(path, target)) continue
    broken.push(`imports ${target}: ${folder}/ may import ${allowed.join(', ') || 'no other folder'}`)
  }
  return broken
}

/** cli/ may use the composers; the rest errors, version, edit distance, quoting and process identity alone, types of a run and the lazy `absgd` excepted. */
function mayImportRoot(path: string, target: string): boolean {
  if (/^src\/(errors|version|edit-distance|process-identity|quote)\.ts$/.test(target)) return true
  if (path.startsWith('src/cli/')) return true
  return (
    (path === 'src/experiment/define-experiment.ts' && target === 'src/experiment/run-handle.ts') ||
    (path === 'src/experiment/files/load-experiment.ts' && target === 'src/index.ts')
  )
}

function impurities(path: string, source: string, imports: readonly string[]): string[] {
  const foreign = imports
    .filter((name) => !PURE_LIBRARIES[name]?.test(path))
    .filter((name) => !name.startsWith('src/') || !(PURE.test(name) || HARMLESS.test(name)))
    .map((name) => `imports ${name}: pure files import pure files`)
  const words = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && IMPURE_NAMES.has(node.text) && !isMember(node)) words.add(node.text)
    if (ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random') words.add('Math.random')
    if (node.kind === ts.SyntaxKind.AsyncKeyword) words.add('async')
    ts.forEachChild(node, visit)
  }
  visit(parse(path, source))
  return [...foreign, ...[...words].map((word) => `uses ${word}: it is to be pure`)]
}

/** `x.process` or `{ process: 1 }`, not the global. */
function isMember({ parent, pos }: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name.pos === pos
  return (
    (ts.isPropertyAssignment(parent) || ts.isPropertySignature(parent) || ts.isMethodSignature(parent)) &&
    parent.name.pos === pos
  )
}

function pythonRules(path: string, source: string): string[] {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const imported = [...source.matchAll(/^\s*(?:from\s+([\w.]+)\s+import|import\s+([\w., ]+))/gm)].flatMap(
    ([, from, list]) =>
      from === undefined ? list!.split(',').map((part) => part.trim().split(' ')[0]!) : [from],
  )
  // `from absgd_worker import gen`
  if (/^\s*from absgd_worker import .*\bgen\b/m.test(source)) imported.push('absgd_worker.gen')
  const broken: string[] = []
  const only = (pattern: RegExp, allowed: boolean, rule: string) => {
    const target = imported.find((module) => pattern.test(module))
    if (target !== undefined && !allowed) broken.push(`imports ${target}: ${rule}`)
  }
  if (!path.startsWith('python-worker/src/')) return broken
  only(/^zmq(\.|$)/, name === 'channel.py', 'only channel.py does')
  only(/^(absgd_worker)?\.?gen(\.|$)/, name === 'codec.py', 'only codec.py does')
  only(/^numpy(\.|$)/, false, 'the worker depends on torch, pyzmq and protobuf alone')
  if (/^weights(_\w+)?\.py$/.test(name)) {
    only(
      /^(?!torch(\.|$)|__future__$|math$|typing$|dataclasses$|absgd_worker\.weights)/,
      false,
      'the rule needs torch alone',
    )
  }
  return broken
}

/** Circles of imports that exist at run time. */
function cycles(sources: Sources): readonly string[] {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push(`${[...trail.slice(start), path].join(' → ')} is a circle`)
    if (start >= 0 || done.has(path) || sources[path] === undefined) return
    for (const { target, atStart } of importsOf(path, sources[path])) {
      const drawn = `${target}x`
      if (atStart) visit(sources[drawn] === undefined ? target : drawn, [...trail, path])
    }
    done.add(path)
  }
  for (const path of Object.keys(sources)) if (/^src\/.*\.tsx?$/.test(path)) visit(path, [])
  return found
}

/** Packages by name, our files by path. `atStart`: run when the module is loaded. */
function importsOf(path: string, source: string): readonly { target: string; atStart: boolean }[] {
  const file = parse(path, source)
  const imports: { target: string; atStart: boolean }[] = []
  const add = (specifier: ts.Node | undefined, atStart: boolean) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return
    const { text } = specifier
    const target = text.startsWith('.') ? posix.join(posix.dirname(path), text).replace(/\.js$/, '.ts') : text
    imports.push({ target, atStart })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword)
    } else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, !node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, false)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false)
    ts.forEachChild(node, visit)
  }
  visit(file)
  return imports
}

function parse(path: string, source: string): ts.SourceFile {
  return ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true)
}

/** Undefined for the composers directly in src/. */
function folderOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1]
}

/** The loops in controller.ts and simulated.ts act; all beside them decides. */
const PURE =
  /^src\/(schedule|weighting|record|statistics|worker\/simulated)\/|^src\/controller\/(?!controller\.ts$)/
/** Types and constants. */
const HARMLESS = /^src\/(errors|edit-distance|wire\/channel|wire\/message)\.ts$/
/** Libraries that compute and do nothing else, and who may use them. */
const PURE_LIBRARIES: Readonly<Record<string, RegExp>> = {
  '@stdlib/stats-base-dists-t-quantile': /^src\/statistics\//,
}
const IMPURE_NAMES = new Set([
  'Date',
  'performance',
  'crypto',
  'process',
  'Promise',
  'setTimeout',
  'setInterval',
  'fetch',
])
const FILES = new RegExp(
  `^src/(log/|cli/|(start|prepare|run-set)\\.ts$)|^(${Object.keys(FILE_USERS).join('|')})`,
)
const MAX_LINES = 300
