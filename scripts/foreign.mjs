// The Python side in environments that are not ours: `npm run foreign`, with packages that are installed into a folder of their own.
//   foreign.mjs                                  the tests of messages and of logs, under every major of protobuf that is supported
//   foreign.mjs --torch 2.4.0 [--python python3.10]   those of attached loops too, under this torch and Python, without numpy
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { environment, must, python, root, setUp } from './project.mjs'

const PROTOBUF = ['4.25', '5.29', '6', '7']
const MESSAGES = [
  'link/wire/test_codec.py',
  'link/wire/test_golden_messages.py',
  'attach/recording/test_journal.py',
]
const ATTACHED = ['attach', 'test_import.py', 'documents/test_integrate_docs.py']

const options = { torch: { type: 'string' }, python: { type: 'string', default: python } }
const { values } = parseArgs({ options })
const cache = join(root, 'node_modules', '.cache', 'absgd', 'foreign')
mkdirSync(cache, { recursive: true })

if (values.torch === undefined) {
  setUp()
  for (const version of PROTOBUF) underProtobuf(version)
} else {
  underTorch(values.torch, values.python)
}

function underProtobuf(version) {
  const folder = join(cache, `protobuf-${version}`)
  if (!existsSync(folder)) install(python, ['--target', folder, `protobuf==${version}.*`])
  console.log(`\nprotobuf ${version}`)
  test(python, MESSAGES, { PYTHONPATH: folder })
}

function underTorch(version, base) {
  const folder = join(cache, `torch-${version}-${base.replaceAll('/', '_')}`)
  const own = join(folder, 'bin', 'python')
  if (!existsSync(own)) {
    must(base, ['-m', 'venv', folder], environment())
    install(own, [`torch==${version}`, 'pyzmq', `protobuf==${PROTOBUF[0]}.*`, 'pytest'])
  }
  console.log(`\ntorch ${version} on ${base}`)
  test(own, [...MESSAGES, ...ATTACHED])
}

/** An environment that uv made has no pip of its own. */
function install(into, parameters) {
  must(into, ['-m', 'ensurepip'], environment(), 'ignore')
  must(into, ['-m', 'pip', 'install', '--quiet', ...parameters], environment())
}

function test(interpreter, files, env = {}) {
  const parameters = ['-m', 'pytest', '-c', 'python-worker/pyproject.toml', '-q', '-p', 'no:cacheprovider']
  const paths = files.map((file) => join('python-worker', 'tests', file))
  must(interpreter, [...parameters, ...paths], { OMP_NUM_THREADS: '1', ...environment(), ...env })
}
