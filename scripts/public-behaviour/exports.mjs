// Names and kinds of all that the two packages export.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'

/** By name: kind, and members of a type, values of a union of strings, or number of parameters. */
export async function typescriptExports({ project }) {
  const runtime = await import(pathToFileURL(join(project, 'dist/index.js')).href)
  const file = join(project, 'dist/index.d.ts')
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    skipLibCheck: true,
  })
  const checker = program.getTypeChecker()
  const symbols = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))
  const entries = symbols.map((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    return [symbol.name, { kind: kindOf(runtime[symbol.name]), ...typeOf(target, checker) }]
  })
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b)))
}

function kindOf(value) {
  if (value === undefined) return 'type'
  return typeof value === 'function' && /^class\b/.test(String(value)) ? 'class' : typeof value
}

function typeOf(symbol, checker) {
  if (symbol.flags & ts.SymbolFlags.Function) {
    const [declaration] = symbol.declarations
    const signatures = checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures()
    return { parameters: signatures.map(({ parameters }) => parameters.map((it) => optional(it))) }
  }
  const type = checker.getDeclaredTypeOfSymbol(symbol)
  if (type.isUnion()) return { union: type.types.map((it) => unionMember(it, checker)).sort() }
  return { members: checker.getPropertiesOfType(type).map(optionalName).sort() }
}

/** A parameter's name may change; whether it may be left out may not. */
function optional(parameter) {
  const declaration = parameter.valueDeclaration
  if (declaration?.dotDotDotToken !== undefined) return 'rest'
  return declaration?.questionToken || declaration?.initializer ? 'optional' : 'required'
}

function optionalName(symbol) {
  return `${symbol.name}${symbol.flags & ts.SymbolFlags.Optional ? '?' : ''}`
}

function unionMember(type, checker) {
  if (type.isLiteral()) return JSON.stringify(type.value)
  if (type.flags & ts.TypeFlags.Object) {
    return `{${checker.getPropertiesOfType(type).map(optionalName).sort().join(',')}}`
  }
  return checker.typeToString(type)
}

/** By module and name: kind, parameters with defaults, public members of a class. */
export function pythonExports({ project }) {
  const { status, stdout, stderr } = spawnSync(
    join(project, '.venv/bin/python'),
    ['-c', readFileSync(new URL('exports.py', import.meta.url), 'utf8')],
    { env: { ...process.env, PYTHONPATH: join(project, 'python-worker/src') }, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}
