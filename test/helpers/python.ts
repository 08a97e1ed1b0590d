/** Interpreters of the tests: warm, which forks a process that has torch imported, and cold, as users have it. */
import { fileURLToPath } from 'node:url'

/** The environment that `npm test` has set up. Its start takes seconds: for tests of the start itself. */
export const COLD_PYTHON = fileURLToPath(new URL('../../.venv/bin/python', import.meta.url))

/** Behaves like `COLD_PYTHON`, and is it where there is no warm server. helpers/warm/client.py says what it runs warm. */
export const PYTHON = process.env['ABSGD_WARM_PYTHON'] ?? COLD_PYTHON
