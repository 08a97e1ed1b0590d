/** Opens the cockpit. What it stands on takes a third of a second to load and is configured by the environment: it is loaded here. */
import { isAsciiOnly, isColourless } from '../text/charset.js'
import type { CockpitEnd, CockpitOptions } from './cockpit.js'

/** Resolves once it was left, with the terminal as it was before. */
export async function openCockpit(options: Omit<CockpitOptions, 'capabilities'>): Promise<CockpitEnd> {
  const { env } = process
  const capabilities = { colours: isColourless(env) ? 0 : 1, ascii: isAsciiOnly(env) } as const
  // React in its quick build; and no colours of ink's own, which ignores NO_COLOR on a terminal.
  env['NODE_ENV'] ??= 'production'
  if (capabilities.colours === 0) env['FORCE_COLOR'] = '0'
  const { runCockpit } = await import('./cockpit.js')
  return runCockpit({ ...options, capabilities })
}
