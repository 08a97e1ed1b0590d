// Builds src/ into dist/: types by tsc, and the program by rolldown, in few files, because Node takes longer to find a
// thousand files than to run them. With --clean: from scratch.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { root } from './project.mjs'

const require = createRequire(import.meta.url)
process.chdir(root)
if (process.argv.includes('--clean')) rmSync('dist', { recursive: true, force: true })

if (!isInstalled('typescript') || !isInstalled('rolldown')) {
  console.error(
    'absgd is not built: its development dependencies are not installed (npm ci --include=dev, then npm run build)',
  )
  // An installation without development dependencies is complete without the build.
  if (process.env['npm_lifecycle_event'] !== 'prepare') process.exit(1)
} else {
  const compiler = require.resolve('typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
  const { output } = await bundle()
  for (const { fileName, code } of output) writeIfChanged(join('dist', fileName), code)
  writeIfChanged(join('dist', 'THIRD-PARTY.txt'), notices(output))
}

async function bundle() {
  const { rolldown } = await import('rolldown')
  const build = await rolldown({
    input: {
      index: 'src/index.ts',
      'cli/main': 'src/cli/main.ts',
      'ui/cockpit/open': 'src/ui/cockpit/open.ts',
    },
    platform: 'node',
    // zeromq is native; jiti loads its own files by path; ink loads the devtools
    // of React only where a user has them; this package is itself by its name.
    external: [/^(zeromq|jiti|react-devtools-core|absgd)(\/|$)/],
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  })
  try {
    return await build.generate({
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name]-[hash].js',
    })
  } finally {
    await build.close()
  }
}

/** The licences of the packages whose code is in the bundle. */
function notices(chunks) {
  const folders = chunks
    .flatMap(({ modules }) => Object.keys(modules))
    .flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? [])
  const packages = new Map()
  for (const folder of [...new Set(folders)].sort()) {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((one) => /^licen[cs]e(\.(md|txt))?$/i.test(one))
    const text = file === undefined ? `${license}\n` : readFileSync(join(folder, file), 'utf8')
    packages.set(text, [...(packages.get(text) ?? []), `${name} ${version}`])
  }
  return [...packages]
    .map(([text, names]) => `${names.join(', ')}\n\n${text.trim()}\n`)
    .join(`\n${'-'.repeat(80)}\n\n`)
}

/** Keeps the time of a file that stays as it is: a process that runs may load it later. */
function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function isInstalled(name) {
  try {
    require.resolve(`${name}/package.json`)
    return true
  } catch {
    return false
  }
}
