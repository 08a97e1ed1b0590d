/** Loads and opens the cockpit. Its libraries take 0.3 s to load and read environment variables, so they are loaded only here. */
import { isAsciiOnly, isColourless } from '../text/charset.js'
import type { CockpitEnd, CockpitOptions } from './cockpit.js'

/** Resolves when the user leaves the cockpit. The terminal is then as it was before. */
export async function openCockpit(options: Omit<CockpitOptions, 'capabilities'>): Promise<CockpitEnd> {
  const { env } = process
  const capabilities = { colours: isColourless(env) ? 0 : 1, ascii: isAsciiOnly(env) } as const
  // Selects React's production build, and turns off ink's own colours, because ink ignores NO_COLOR on a terminal.
  env['NODE_ENV'] ??= 'production'
  if (capabilities.colours === 0) env['FORCE_COLOR'] = '0'
  const { runCockpit } = await import('./cockpit.js')
  return runCockpit({ ...options, capabilities })
}
