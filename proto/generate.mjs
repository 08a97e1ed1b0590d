#!/usr/bin/env node
// Generates both languages from the .proto files. With --check: lints, refuses breaking changes, fails on stale output.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const proto = dirname(fileURLToPath(import.meta.url))
const root = dirname(proto)
const bin = join(root, 'node_modules', '.bin')
const python = join(root, '.venv', 'bin', 'python')

// protoc 25 is the newest whose Python output carries no check of the runtime's version, so that it loads under
// protobuf 4 to 7. Its wheel would pull an old runtime into the environment: it is unpacked beside it instead.
const PROTOC = 'grpcio-tools==1.62.3'
const protocDirectory = join(root, '.venv', 'protoc')

const outputs = {
  typescript: join(root, 'src', 'wire', 'gen'),
  python: join(root, 'python-worker', 'src', 'absgd_worker', 'gen'),
}

if (process.argv.includes('--check')) check()
else generate(outputs)

function generate({ typescript, python: pythonOutput }) {
  const sources = readdirSync(join(proto, 'absgd', 'v1')).map((name) => `absgd/v1/${name}`)
  for (const directory of [typescript, pythonOutput]) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
  }
  const template = {
    version: 'v2',
    plugins: [
      {
        local: [process.execPath, join(bin, 'protoc-gen-es')],
        out: typescript,
        opt: ['target=ts', 'import_extension=js', 'erasable_syntax=true'],
      },
    ],
  }
  run(join(bin, 'buf'), ['generate', '--template', JSON.stringify(template)])

  installProtoc()
  const staging = mkdtempSync(join(tmpdir(), 'absgd-proto-'))
  const options = { PYTHONPATH: protocDirectory }
  run(
    python,
    ['-m', 'grpc_tools.protoc', '-I.', `--python_out=${staging}`, `--pyi_out=${staging}`, ...sources],
    options,
  )
  // The package is absgd_worker.gen: "absgd" is taken on the Python side by the algorithm's authors.
  for (const name of readdirSync(join(staging, 'absgd', 'v1'))) {
    const text = readFileSync(join(staging, 'absgd', 'v1', name), 'utf8')
    writeFileSync(
      join(pythonOutput, name),
      text.replaceAll('from absgd.v1 import', 'from absgd_worker.gen import'),
    )
  }
  writeFileSync(join(pythonOutput, '__init__.py'), '')
  rmSync(staging, { recursive: true })
}

function check() {
  run(join(bin, 'buf'), ['lint'])
  run(join(bin, 'buf'), ['breaking', '--against', 'baseline.binpb'])
  const fresh = mkdtempSync(join(tmpdir(), 'absgd-proto-check-'))
  try {
    generate({ typescript: join(fresh, 'typescript'), python: join(fresh, 'python') })
    for (const language of ['typescript', 'python']) {
      run('diff', ['-r', '-x', '__pycache__', join(fresh, language), outputs[language]])
    }
  } catch {
    console.error('proto:check failed: see above. Stale output is mended by `npm run proto`.')
    process.exit(1)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function installProtoc() {
  if (existsSync(join(protocDirectory, 'grpc_tools'))) return
  if (!existsSync(python)) throw new Error('no .venv here: run `npx absgd setup --dev` first')
  run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--target',
    protocDirectory,
    PROTOC,
  ])
}

function run(command, parameters, environment = {}) {
  execFileSync(command, parameters, { cwd: proto, stdio: 'inherit', env: { ...process.env, ...environment } })
}
