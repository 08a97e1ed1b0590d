/** Where this package is, and its version. The build puts modules into files of other folders, so that no other file may ask where it is. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The absolute path of this package's folder, which holds `package.json`, `dist/` and `python-worker/`. */
export const PACKAGE_ROOT: string = folderAbove(dirname(fileURLToPath(import.meta.url)))

/** The version in this package's `package.json`. */
export const VERSION: string = (
  JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { readonly version: string }
).version

function folderAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : folderAbove(dirname(folder))
}
