/** The folder of absgd in the user's cache folder. Whatever is in it can be made again. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** It may not exist, and it may be impossible to create it. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache'), 'absgd')
}
