/** Asks an interpreter for its version and packages, with a single start of the process. */
import { runCommand, lastLines } from './run-command.js'

/** Identifies an installation of torch without importing it. */
export interface Fingerprint {
  /** Path of torch's `__init__.py`. */
  readonly path: string
  /** Modification time of that file, in seconds since 1970. */
  readonly modified: number
}

export interface Facts {
  readonly executable: string
  readonly python: string
  /** Versions of the installed distributions, by name. */
  readonly versions: Readonly<Record<string, string>>
  /** The folders in which it looks for packages, whether they exist or not. Absent in answers of old versions of Python. */
  readonly folders?: readonly string[]
  /** Absent if torch is not installed. */
  readonly fingerprint?: Fingerprint
  /** Absent if torch was not imported, because it is not installed or known to work. */
  readonly torch?: TorchImport
}

export type TorchImport =
  | { readonly ok: true; readonly version: string; readonly device: string; readonly seconds: number }
  | { readonly ok: false; readonly lines: string }

export type Probe =
  | { readonly status: 'answered'; readonly facts: Facts }
  | { readonly status: 'failed'; readonly reason: string; readonly tail: string }

export interface ProbeOptions {
  readonly env: NodeJS.ProcessEnv
  /** Names of the distributions to look for. */
  readonly packages: readonly string[]
  /** torch is imported unless it has one of these fingerprints. */
  readonly known?: readonly Fingerprint[]
}

export async function probePython(
  python: string,
  { env, packages, known = [] }: ProbeOptions,
): Promise<Probe> {
  const question = JSON.stringify({ packages, known: known.map(({ path, modified }) => [path, modified]) })
  const result = await runCommand(python, ['-c', SCRIPT, question], {
    env: { ...env, PYTHONUTF8: '1' },
    timeoutMs: PROBE_TIMEOUT_MS,
  })
  if (result.status === 'failed') return result
  const answer = result.stdout.split('\n').findLast((line) => line.startsWith(MARK))
  if (answer === undefined) return { status: 'failed', reason: 'no answer', tail: lastLines(result.stdout) }
  return { status: 'answered', facts: JSON.parse(answer.slice(MARK.length)) as Facts }
}

const MARK = 'absgd-probe '

/** Importing torch takes 1 to 3 s; from a network disk up to a minute. */
const PROBE_TIMEOUT_MS = 180_000

/** Runs on any version of Python, so that an old version can be reported. */
const SCRIPT = `
import json, sys
sys.path = [p for p in sys.path if p]
question = json.loads(sys.argv[1])
facts = {"executable": sys.executable, "python": "%d.%d.%d" % sys.version_info[:3], "versions": {}}

def look():
    import importlib.metadata, importlib.util, os, site
    facts["folders"] = sys.path + [site.getusersitepackages()]
    for name in question["packages"] + ["torch"]:
        try:
            facts["versions"][name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        facts["versions"].pop("torch", None)
        return
    modified = int(os.stat(spec.origin).st_mtime)
    facts["fingerprint"] = {"path": spec.origin, "modified": modified}
    if [spec.origin, modified] in question["known"] and "torch" in facts["versions"]:
        return
    facts["torch"] = load()
    if facts["torch"]["ok"]:
        facts["versions"].setdefault("torch", facts["torch"]["version"])

def load():
    import time, traceback
    start = time.monotonic()
    try:
        import torch
        return {
            "ok": True,
            "version": torch.__version__,
            "seconds": time.monotonic() - start,
            "device": device(torch),
        }
    except BaseException:
        return {"ok": False, "lines": traceback.format_exc()}

def device(torch):
    try:
        if torch.cuda.is_available():
            return "cuda: " + torch.cuda.get_device_name(0)
        if torch.backends.mps.is_available():
            return "mps"
    except Exception:
        pass
    return "cpu"

if sys.version_info >= (3, 10):
    look()
print("${MARK}" + json.dumps(facts))
`
