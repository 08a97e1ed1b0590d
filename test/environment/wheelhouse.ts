/** A folder of tiny wheels that pip and uv take for torch and the rest, so that whole set-ups run without a network. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requirementsFile, type Part } from '../../src/environment/install/requirements.js'

export interface Wheel {
  readonly name: string
  readonly version: string
  /** Files of the wheel, by path. */
  readonly files: Readonly<Record<string, string>>
}

/** Torch as far as a probe looks at it. */
export function torchWheel(version: string, source = ''): Wheel {
  const backends =
    'class cuda:\n    is_available = staticmethod(lambda: False)\n\nclass backends:\n    mps = cuda\n'
  return {
    name: 'torch',
    version,
    files: { 'torch/__init__.py': `${source}\n__version__ = "${version}"\n${backends}` },
  }
}

/** Every pin of a part, whatever its marker: pip picks. */
export function pinnedWheels(part: Part): readonly Wheel[] {
  const pins = readFileSync(requirementsFile(part), 'utf8').matchAll(/^([\w.-]+)==([\w.+!]+)/gm)
  return [...pins].map(([, name, version]) => ({ name: name!, version: version!, files: {} }))
}

export function writeWheels(wheels: readonly Wheel[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'absgd-wheels-'))
  execFileSync('python3', ['-c', ZIP, folder], { input: JSON.stringify(wheels) })
  return folder
}

/** This process's environment without what would decide a set-up: active environments, sources, caches. */
export function bareEnv(home: string, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const decisive = /^(VIRTUAL_ENV|CONDA_PREFIX|ABSGD_PYTHON|PYTHONPATH|XDG_CACHE_HOME|PIP_.*|UV_.*)$/
  const rest = Object.entries(process.env).filter(([name]) => !decisive.test(name))
  return {
    ...Object.fromEntries(rest),
    HOME: home,
    PIP_CONFIG_FILE: '/dev/null',
    PIP_NO_CACHE_DIR: '1',
    ...extra,
  }
}

/** A virtual environment without pip that holds `wheels`: made in a second. */
export function makeVenv(venv: string, wheels: readonly Wheel[] = []): void {
  const folder = writeWheels(wheels)
  execFileSync('python3', ['-m', 'venv', '--without-pip', venv], { env: bareEnv(venv) })
  execFileSync(join(venv, 'bin', 'python'), ['-c', UNZIP, folder])
  rmSync(folder, { recursive: true })
}

/** An executable of a few lines of sh, in place of a program that is not to run. */
export function script(path: string, body: string): void {
  writeFileSync(path, `#!/bin/sh\n${body}\n`)
  chmodSync(path, 0o755)
}

const UNZIP = `
import pathlib, sys, sysconfig, zipfile
for wheel in pathlib.Path(sys.argv[1]).iterdir():
    zipfile.ZipFile(wheel).extractall(sysconfig.get_path("purelib"))
`

const ZIP = `
import json, sys, zipfile
for wheel in json.load(sys.stdin):
    name, version = wheel["name"].replace("-", "_"), wheel["version"]
    info = "%s-%s.dist-info/" % (name, version)
    files = dict(wheel["files"])
    files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (wheel["name"], version)
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[info + "RECORD"] = "".join("%s,,\\n" % path for path in [*files, info + "RECORD"])
    with zipfile.ZipFile("%s/%s-%s-py3-none-any.whl" % (sys.argv[1], name, version), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
`
