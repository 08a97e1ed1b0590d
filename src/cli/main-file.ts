/** The file of the command line, for processes that it starts of itself. */
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../version.js'

export const MAIN = join(PACKAGE_ROOT, 'dist', 'cli', 'main.js')
